/** For people who write a store, or test a program that audits: the contract of stores as a list, and a store that fails. */

export { MemoryStore } from './store/memory.ts'
export { type Fault, FaultStore } from './testing/fault-store.ts'
export { fixedWorld } from './testing/fixed-world.ts'
export { type ContractCase, storeContract } from './testing/store-contract.ts'

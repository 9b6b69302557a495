import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rangesOf } from '../../src/core/ranges.ts'
import { Places, Runs } from '../../src/detect/places.ts'
import { Shelf } from '../../src/detect/shelf.ts'

const range = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 6 }))
  .map(([first, more]) => [first, first + more] as const)
const numbersIn = ([first, last]: readonly [number, number]) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)

it('runs are the set of their numbers, however they overlap', () => {
  fc.assert(
    fc.property(fc.array(range), ranges => {
      const runs = new Runs()
      const set = new Set<number>()
      for (const one of ranges) {
        runs.add(one)
        for (const seq of numbersIn(one)) set.add(seq)
        expect(runs.ranges).toEqual(rangesOf([...set].sort((a, b) => a - b)))
        expect(runs.count).toBe(set.size)
      }
    }),
  )
})

it('an entry belongs to whoever claimed it first, until it is given back', () => {
  const claim = fc.record({ range, owner: fc.constantFrom('a', 'b', 'c'), gives: fc.boolean() })
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 30 }), claims => {
      const places = new Places()
      const owners = new Map<number, string>()
      const claimed = new Set<string>()
      for (const { range, owner, gives } of claims) {
        if (gives) places.remove(owner, [range])
        else places.add(range, owner)
        for (const seq of numbersIn(range)) {
          if (gives) continue
          owners.set(seq, owners.get(seq) ?? owner)
          claimed.add(`${owner} ${seq}`)
        }
        // What is given back is given back by whole claims, and is then nobody's, or whose who claimed it later.
        for (const [seq, who] of gives ? owners : []) {
          const now = places.find(seq)
          if (who !== owner || now === who) continue
          if (now === undefined) owners.delete(seq)
          else if (claimed.has(`${now} ${seq}`)) owners.set(seq, now)
        }
        for (let seq = 0; seq < 50; seq++) expect(places.find(seq)).toBe(owners.get(seq))
        if (gives) for (const seq of numbersIn(range)) expect(places.find(seq)).not.toBe(owner)
      }
    }),
  )
})

it('a shelf gives the one that came first of those that are there', () => {
  const step = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), leaves: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const shelf = new Shelf()
      const set = new Set<string>()
      for (const { id, leaves } of steps) {
        if (leaves) {
          shelf.delete(id)
          set.delete(id)
        } else {
          shelf.delete(id)
          shelf.add(id)
          set.delete(id)
          set.add(id)
        }
        expect(shelf.first()).toBe([...set][0])
      }
    }),
  )
})

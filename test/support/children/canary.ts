/** Plays some moves of the attack kit and runs some probes, and says as one line of JSON which of them went wrong. */
import { runAttackKit } from '../../../src/attack/kit.ts'
import { moves } from '../../../src/attack/moves/table.ts'
import { probes } from '../../canaries/probes.ts'

const names = JSON.parse(process.argv[2]!) as string[]
const red: { [name: string]: string } = {}
for (const name of names.filter(name => Object.hasOwn(probes, name))) {
  try {
    await probes[name]!()
  } catch (error) {
    red[name] = (error as Error).message
  }
}
const chosen = moves.filter(({ move }) => names.includes(move))
const missing = names.filter(name => !Object.hasOwn(probes, name) && !chosen.some(({ move }) => move === name))
if (missing.length > 0) throw new Error(`there is no move or probe ${missing.join(', ')}`)
let falseAlarms: readonly string[] = []
if (chosen.length > 0) {
  const report = await runAttackKit({ moves: chosen })
  for (const { move, caught, argued, why } of report.moves) if (!caught && !argued) red[move] = why ?? ''
  falseAlarms = report.alarms
}
console.info(JSON.stringify({ red, falseAlarms, sings: process.env.MEMMIMIC_CANARY_SINGS === 'yes' }))

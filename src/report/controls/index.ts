/** The frameworks whose controls are mapped. */
import { euAiAct } from './eu-ai-act.ts'
import type { ControlFramework } from './framework.ts'
import { hipaa } from './hipaa.ts'
import { iso42001 } from './iso-42001.ts'
import { nist80053 } from './nist-800-53.ts'
import { pci } from './pci.ts'
import { soc2 } from './soc2.ts'

export const controlFrameworks = {
  'eu-ai-act': euAiAct,
  'nist-800-53': nist80053,
  soc2,
  hipaa,
  pci,
  'iso-42001': iso42001,
} as const satisfies Readonly<Record<string, ControlFramework>>

export type ControlFrameworkId = keyof typeof controlFrameworks
export const controlFrameworkIds = Object.keys(controlFrameworks) as ControlFrameworkId[]

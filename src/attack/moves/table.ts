/** Every move, in the order of the table of threats. */
import type { Move } from '../move.ts'
import { answerMoves } from './answers.ts'
import { cuttingMoves } from './cutting.ts'
import { declarationMoves } from './declarations.ts'
import { disclosureMoves } from './disclosures.ts'
import { fileMoves } from './files.ts'
import { indexMoves } from './index-file.ts'
import { leafMoves } from './leaves.ts'
import { orderMoves } from './order.ts'
import { processMoves } from './processes.ts'
import { proofMoves } from './proofs.ts'
import { rewritingMoves } from './rewriting.ts'
import { signatureMoves } from './signatures.ts'
import { treeMoves } from './tree.ts'

const all: readonly Move[] = [
  ...leafMoves,
  ...disclosureMoves,
  ...orderMoves,
  ...rewritingMoves,
  ...cuttingMoves,
  ...treeMoves,
  ...signatureMoves,
  ...fileMoves,
  ...indexMoves,
  ...declarationMoves,
  ...proofMoves,
  ...processMoves,
  ...answerMoves,
]

export const moves: readonly Move[] = all.toSorted((a, b) => rankOf(a.row) - rankOf(b.row))

/** `5a` comes after `5`. */
function rankOf(row: string): number {
  return Number.parseInt(row, 10) + (/[a-z]$/.test(row) ? 0.5 : 0)
}

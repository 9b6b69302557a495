import type { z } from 'zod'

/** Complains about each name that stands in a list before. */
export function demandUniqueNames(
  list: readonly { readonly name: string }[],
  context: z.RefinementCtx,
  path: readonly string[] = [],
): void {
  const names = new Set<string>()
  for (const [i, { name }] of list.entries()) {
    if (names.has(name)) {
      context.addIssue({ code: 'custom', path: [...path, i, 'name'], message: 'is the name of another one too' })
    }
    names.add(name)
  }
}

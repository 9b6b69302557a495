/** The oldest Node that has everything this package stands on, ML-DSA among it. */
export const oldestNode = [24, 8]

/**
 * Stops with one sentence on an older Node, before anything native is loaded.
 *
 * @throws Error
 */
export function checkNodeVersion(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new Error(`memmimic-audit needs Node ${oldestNode.join('.')} or newer; this is Node ${version}`)
}

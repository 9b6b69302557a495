/** Milliseconds that this thread has computed: what a promise about time means, on a machine that is busy with others too. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

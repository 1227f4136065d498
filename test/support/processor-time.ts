/** Milliseconds of processor time that this process has used: unlike a clock's, they do not grow with the machine's load. */
export function processorTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

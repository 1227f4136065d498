/**
 * Returns the processor time of this process in milliseconds. Unlike elapsed time, it does not depend on other load.
 */
export function processorTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Runs `attempt` with `ms`, and after a failure with twice the time, up to 32 times as much; fails as the last attempt
 * did. A test whose client and server share a process cannot prove anything with a time that the machine itself may
 * pause for. What is wrong with the program fails whatever the time is.
 */
export async function withGrowingTime(ms: number, attempt: (ms: number) => Promise<void>): Promise<void> {
  for (let time = ms; ; time *= 2) {
    try {
      return await attempt(time);
    } catch (error) {
      if (time >= 32 * ms) throw error;
    }
  }
}

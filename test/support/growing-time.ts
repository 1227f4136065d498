/**
 * Runs `attempt` with `ms`, and after each failure with twice the time, up to 32 times as much; fails with the last
 * error. For tests whose client and server share a process: a short time proves nothing if the machine itself may pause
 * longer, but a bug in the program fails with any time.
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

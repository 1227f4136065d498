/** What a process needed. */
export interface Usage {
  /** Processor time: that of the clock depends on what else the machine does. */
  seconds: number;
  peakBytes: number;
}

/**
 * An argument of `--import` that tells a process's `Usage` as JSON, in the last line of standard error, when it ends.
 * (`process.resourceUsage().maxRSS` would begin with the memory of the process that started it. proc(5), VmHWM)
 */
export const TELLING_USAGE = `data:text/javascript,import { readFileSync, writeSync } from 'node:fs'; process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  const [, peak] = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  writeSync(2, '\\n' + JSON.stringify({ seconds: (user + system) / 1e6, peakBytes: peak * 1024 }));
})`;

/** Reads what `TELLING_USAGE` wrote. */
export function usageIn(stderr: string): Usage {
  return JSON.parse(stderr.slice(stderr.lastIndexOf('\n') + 1));
}

import { runSuites } from './support/run-suites.js';

// The suites of `npm test`.
const whole = await runSuites([
  {
    name: 'the tests',
    // Three jobs keep two cores busy: for a third of its time a job waits for disks, timers and the programs it starts.
    // Content outside of V8's heap makes V8 collect again and again unless its heap is large from the start, which
    // takes a sixth of the processor time.
    args: [
      '--node-option=initial-heap-size=1500',
      ...['--parallel', '--jobs', '3'],
      ...['--ignore', 'test/hostile/**', 'test/**/*.test.ts'],
    ],
  },
  // It measures the memory of its process, so it has a process of its own, without --parallel.
  { name: 'the hostile suite', args: ['test/hostile/**/*.test.ts'] },
]);
process.exitCode = whole ? 0 : 1;

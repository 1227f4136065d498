import { runSuites } from './support/run-suites.js';

// The suites of `npm test`.
const whole = await runSuites([
  {
    name: 'the tests',
    args: ['--parallel', '--jobs', '2', '--ignore', 'test/hostile/**', 'test/**/*.test.ts'],
  },
  // It measures the memory of its process, so it has a process of its own, without --parallel.
  { name: 'the hostile suite', args: ['test/hostile/**/*.test.ts'] },
]);
process.exitCode = whole ? 0 : 1;

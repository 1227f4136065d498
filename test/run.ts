import { runSuites } from './support/run-suites.js';

// The suites of `npm test`.
const whole = await runSuites([
  {
    name: 'the tests',
    args: ['--parallel', '--jobs', '2', '--ignore', 'test/hostile/**', 'test/**/*.test.ts'],
  },
  // Measures the memory of its own process.
  { name: 'the hostile suite', args: ['test/hostile/**/*.test.ts'] },
]);
process.exitCode = whole ? 0 : 1;

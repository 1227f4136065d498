/**
 * Properties are tried with other values in each run, and say their seed when they fail. With `LADING_PROPERTY_SEED`
 * they take the same values in each run, so that CI judges a change by what it changes.
 */
import fc from 'fast-check';

const seed = process.env.LADING_PROPERTY_SEED;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Has all memory given back that nothing holds, so that what is left can be measured. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

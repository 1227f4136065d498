import { HALVES } from '../support/hostile/halves.js';
import { describeAttacks } from '../support/hostile/run.js';

describeAttacks(HALVES);

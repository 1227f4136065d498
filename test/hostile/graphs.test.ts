import { GRAPHS } from '../support/hostile/graphs.js';
import { describeAttacks } from '../support/hostile/run.js';

describeAttacks(GRAPHS);

import { LISTS } from '../support/hostile/lists.js';
import { describeAttacks } from '../support/hostile/run.js';

describeAttacks(LISTS);

import { DESCRIPTORS } from '../support/hostile/descriptors.js';
import { describeAttacks } from '../support/hostile/run.js';

describeAttacks(DESCRIPTORS);

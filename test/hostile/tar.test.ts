import { describeAttacks } from '../support/hostile/run.js';
import { TAR_HEADERS } from '../support/hostile/tar-headers.js';
import { LAYOUT_LINKS, TAR_LINKS } from '../support/hostile/tar-links.js';

describeAttacks(TAR_LINKS);
describeAttacks(LAYOUT_LINKS);
describeAttacks(TAR_HEADERS);

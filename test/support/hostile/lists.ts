import { writeForm } from '../halves.js';
import type { AttackGroup, FileAttack } from './attack.js';
import { HALVES } from './halves.js';
import { OLD_HALVES } from './old-halves.js';
import { REPEATED_NAMES } from './repeated-names.js';
import { makeImages, type TwoMeanings } from './two-meanings.js';

export const TWO_MEANINGS: readonly TwoMeanings[] = [...HALVES, ...REPEATED_NAMES, ...OLD_HALVES];

function attackOf({ name, what, code = 'INVALID_ARCHIVE', files }: TwoMeanings): FileAttack {
  return {
    name,
    what,
    rule: 'a name means one image, whichever list of an archive is read',
    code,
    place: async (folder) => writeForm(`${folder}/in.tar`, 'tar', await files(await makeImages())),
  };
}

export const LISTS: AttackGroup = {
  title: 'archives with several lists of images',
  attacks: TWO_MEANINGS.map(attackOf),
};

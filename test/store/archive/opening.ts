import { writeFile } from 'node:fs/promises';
import type { ImageFiles } from '../../../src/store/image-files.js';
import { openPath } from '../../../src/store/open.js';
import { useFolder } from '../../support/temporary.js';

/** Archives that a test opens. */
export interface OpenedArchives {
  /** A path in the folder of the test. */
  path(name?: string): string;
  open(location: string): Promise<ImageFiles>;
  /** Opens an archive that is `archive.tar` in the folder of the test. */
  openBytes(bytes: Buffer): Promise<ImageFiles>;
}

/** Gives the tests of a suite a folder each, and closes after each test what it has opened. */
export function useArchives(): OpenedArchives {
  const path = useFolder();
  const opened: ImageFiles[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  async function open(location: string): Promise<ImageFiles> {
    const store = await openPath(location);
    opened.push(store);
    return store;
  }
  return {
    path,
    open,
    async openBytes(bytes) {
      await writeFile(path('archive.tar'), bytes);
      return open(path('archive.tar'));
    },
  };
}

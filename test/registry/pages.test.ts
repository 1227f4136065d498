import assert from 'node:assert/strict';
import { followLinks, listNames, type Page } from '../../src/registry/pages.js';
import { collect } from './http-server.js';

/** A registry that always has one more page. */
function endless(): { fetchPage: (target: string) => Promise<Page<string>>; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async fetchPage(target) {
      asked.push(target);
      const page = asked.length;
      return { items: [`name-${page}`], bytes: 100, next: { type: 'link', target: `/list?page=${page}` } };
    },
  };
}

const lists = {
  'lists of names': (fetchPage: (target: string) => Promise<Page<string>>, limits: object) =>
    collect(listNames('/list', 'tags of a', fetchPage, limits)),
  'lists of referrers': (fetchPage: (target: string) => Promise<Page<string>>, limits: object) =>
    collect(followLinks('/list', 'tags of a', fetchPage, limits)),
};

for (const [kind, list] of Object.entries(lists)) {
  describe(`${kind} without end`, () => {
    it('fail at a page more than may be, rather than to end early', async () => {
      const { fetchPage, asked } = endless();
      await assert.rejects(list(fetchPage, { maxPages: 5 }), {
        code: 'REGISTRY',
        message: 'tags of a: there are more than 5 pages',
      });
      assert.equal(asked.length, 5);
    });

    it('fail at a byte more than all pages may have together', async () => {
      const { fetchPage, asked } = endless();
      await assert.rejects(list(fetchPage, { maxBytes: 250 }), {
        code: 'TOO_LARGE',
        message: 'tags of a: the pages together are larger than 250 bytes',
      });
      assert.equal(asked.length, 3);
    });

    it('are taken when they end just within the limits', async () => {
      const { fetchPage } = endless();
      const upToThree = async (target: string): Promise<Page<string>> => {
        const page = await fetchPage(target);
        return page.items[0] === 'name-3' ? { ...page, next: { type: 'none' } } : page;
      };
      const names = await list(upToThree, { maxPages: 3, maxBytes: 300 });
      assert.deepEqual(names.flat(), ['name-1', 'name-2', 'name-3']);
    });
  });
}

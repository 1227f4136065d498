import { isTag } from '../../content/reference.js';
import type { Source } from '../../store/store.js';
import { type Answer, type Asked, jsonAnswer } from '../answer.js';
import { pageOf } from './pagination.js';

/** Answers GET of a repository's tags. (distribution-spec, "Listing Tags") */
export async function listTags(
  store: Source,
  repository: string,
  { asked, maxPageBytes }: { asked: Asked; maxPageBytes: number },
): Promise<Answer> {
  const tags: string[] = [];
  for await (const { name } of store.names(asked)) {
    if (isTag(name)) tags.push(name); // a layout may contain names that are not valid tags
  }
  const { entries, headers } = pageOf(tags, {
    query: asked.query,
    path: `/v2/${repository}/tags/list`,
    maxBytes: maxPageBytes,
  });
  return jsonAnswer({ name: repository, tags: entries }, { headers });
}

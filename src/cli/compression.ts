import { LadingError } from '../index.js';
import { listWords } from './suggest.js';

/** A compression as users write it: `FORM` or `FORM:LEVEL`. */
export interface GivenCompression<Form extends string> {
  form: Form;
  level: number | undefined;
}

/** Parses the value of a flag for compressions; throws `USAGE` for other forms. The library checks the level. */
export function parseCompression<Form extends string>(
  flag: string,
  text: string,
  forms: readonly Form[],
): GivenCompression<Form> {
  const [, name = '', digits] = /^([a-z]+)(?::(\d{1,3}))?$/.exec(text) ?? [];
  const form = forms.find((known) => known === name);
  if (form !== undefined) return { form, level: digits === undefined ? undefined : Number(digits) };
  throw new LadingError('USAGE', `--${flag} takes ${listWords(forms, 'or')}, not "${text}"`, {
    hint: 'A level follows a colon, as in zstd:19.',
  });
}

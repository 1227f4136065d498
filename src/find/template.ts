/** A template as text that can be parsed, and the way back from its marks. */
export interface Template {
  text: string;
  /** Returns a text with the actions in place of their marks. */
  original: (text: string) => string;
}

const MARK = '\ue000';
const FILLER = '\ue001';
const FIRST_NUMBER = 0xe100;
const LAST_NUMBER = 0xf8ff;

/** True if a text has actions of a template outside of quotes, so that it is no YAML yet. */
export function isTemplate(text: string): boolean {
  return /^[ \t]*\{[{%]|[:=-][ \t]+\{\{|\{%-?[ \t]/m.test(text);
}

/**
 * Replaces the actions of a template (`{{ … }}`, `{% … %}`) by marks of the same length, so that every offset stays. An
 * action that has a line for itself becomes spaces.
 */
export function withoutActions(text: string): Template {
  const actions: string[] = [];
  const parts: string[] = [];
  let at = 0;
  for (let open = nextAction(text, 0); open >= 0; open = nextAction(text, at)) {
    const close = text.indexOf(text[open + 1] === '{' ? '}}' : '%}', open + 2);
    if (close < 0) break;
    const end = close + 2;
    parts.push(text.slice(at, open));
    const action = text.slice(open, end);
    if (isAlone(text, open, end) || action.includes('\n')) parts.push(action.replace(/[^\n]/g, ' '));
    else {
      const number = Math.min(FIRST_NUMBER + actions.push(action) - 1, LAST_NUMBER);
      parts.push(MARK + String.fromCharCode(number) + FILLER.repeat(action.length - 2));
    }
    at = end;
  }
  parts.push(text.slice(at));
  return {
    text: parts.join(''),
    original: (marked) =>
      marked.replace(
        /\ue000([\ue100-\uf8ff])\ue001*/g,
        (_, number: string) => actions[number.charCodeAt(0) - FIRST_NUMBER] ?? '{{…}}',
      ),
  };
}

function nextAction(text: string, from: number): number {
  const braces = text.indexOf('{{', from);
  const percent = text.indexOf('{%', from);
  if (braces < 0 || percent < 0) return Math.max(braces, percent);
  return Math.min(braces, percent);
}

/** True if the line of an action has nothing but actions. */
function isAlone(text: string, open: number, end: number): boolean {
  const lineStart = text.lastIndexOf('\n', open) + 1;
  const lineEnd = text.indexOf('\n', end);
  const line = text.slice(lineStart, open) + text.slice(end, lineEnd < 0 ? text.length : lineEnd);
  if (line.length > 2000) return false;
  return line.replace(/\{\{.*?\}\}|\{%.*?%\}/g, '').trim() === '';
}

// Bash text -> the commands it runs. Computed, so that no list has to be maintained.

import { remembered } from './remembered.ts';

/**
 * Every command that a script may run, except bash builtins. A test runs each script with only the
 * commands found here on its PATH.
 */
const vocabulary = (
  'awk base64 bash cat chcon chmod chown cmp cp curl cut date df diff docker du etcd etcdctl etcdutl ' +
  'find flock getent grep gzip head hostname id install jq ln mktemp mv od openssl rm rmdir sed ' +
  'sha1sum sha256sum sleep sort stat sync tail timeout touch tr uname wc'
).split(' ');

/** Functions of some bash text by name, each with its body. */
const functionsOf = remembered((text) => {
  const found = new Map<string, string>();
  for (const [body, name = ''] of text.matchAll(/^([a-z_0-9]+)\(\) [{(]\n.*?\n[})]/gmsu)) {
    found.set(name, body);
  }
  return found;
});

type Context = 'code' | 'double' | 'single' | 'brace';

/**
 * Bash text without comments, `case` labels and quoted text; command substitutions in quoted text
 * stay. A small reader that only separates code from text.
 */
const bareOf = remembered((text) => {
  let bare = '';
  const contexts: Context[] = ['code'];
  for (let at = 0; at < text.length; at += 1) {
    const context = contexts.at(-1);
    const character = text[at] ?? '';
    const next = text[at + 1] ?? '';
    if (context === 'single') {
      if (character === "'") contexts.pop();
    } else if (character === '\\') {
      at += 1;
    } else if (character === '$' && next === '{') {
      contexts.push('brace');
      at += 1;
    } else if (character === '$' && next === '(') {
      contexts.push('code');
      bare += '$(';
      at += 1;
    } else if (character === '"') {
      if (context === 'double') contexts.pop();
      else contexts.push('double');
      bare += '"';
    } else if (context === 'brace') {
      if (character === '$' && next === "'") contexts.push('single');
      if (character === '}') contexts.pop();
    } else if (context === 'code') {
      if (character === "'") contexts.push('single');
      if (character === '(') contexts.push('code');
      if (character === ')' && contexts.length > 1) contexts.pop();
      if (character === '#' && /(^|\s)$/u.test(text.slice(Math.max(0, at - 1), at))) {
        at = text.indexOf('\n', at) - 1;
        if (at < 0) break;
      } else {
        bare += character;
      }
    }
  }
  return bare.replace(/^\s*[\w.*:-]+( \| [\w.*:-]+)*\)/gmu, '');
});

/** The bare words of bash text. */
export const wordsOf = remembered((text) => new Set(bareOf(text).match(/[a-z_0-9]+/gu)));

// What can come before a command: a separator, a keyword, or a function that runs its arguments.
const before =
  '(?:^|[|&;({!]|\\b(?:then|do|else|if|elif|until|while|exec|mutate|as_host)\\s|\\bcommand -v\\s|' +
  '\\b(?:noted|as_kept|launch_etcd) \\S+\\s|"" [0-9]*\\s|\\btimeout(?: --\\S+)* \\S+\\s)\\s*';

const commandsOf = remembered((text) => {
  const bare = bareOf(text);
  return vocabulary.filter((tool) => new RegExp(`${before}${tool}(?=[\\s;)]|$)`, 'mu').test(bare));
});

/**
 * The commands that a script can run, sorted.
 *
 * @param called names of the functions its main part calls.
 * @param texts bash that defines functions.
 */
export function toolsOf(called: readonly string[], texts: readonly string[]): readonly string[] {
  const functions = new Map(texts.flatMap((text) => [...functionsOf(text)]));
  const reached = new Set<string>();
  const waiting = [...called];
  const tools = new Set<string>();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const body = functions.get(name);
    if (body === undefined || reached.has(name)) continue;
    reached.add(name);
    for (const tool of commandsOf(body)) tools.add(tool);
    waiting.push(...[...wordsOf(body)].filter((word) => functions.has(word)));
  }
  return [...tools].sort();
}

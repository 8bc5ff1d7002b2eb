// The surface of `plan` -> a manual page in the macros of man.

import { version } from '../version.ts';
import { exitWords, helpOf } from './help.ts';
import type { Surface, SurfaceCommand, SurfaceOption } from './surface.ts';

/** The page, for section 1 of the manual. */
export function manual({ plan, commands }: Surface): string {
  return `${[
    `.TH PLAN 1 "" "plan ${version()}" "User Commands"`,
    '.SH NAME',
    'plan \\- recover a pgEdge Control Plane from total quorum loss',
    '.SH SYNOPSIS',
    ...commands.flatMap(({ usage }) => ['.br', text(usage)]),
    '.SH DESCRIPTION',
    text(plan.description),
    ...paragraphs(description),
    '.SH COMMANDS',
    ...commands.flatMap(commandSection),
    '.SH EXIT STATUS',
    text(`Unless a command says otherwise: ${exitWords(helpOf(plan.definition))}`),
    '.SH ENVIRONMENT',
    ...entry('NO_COLOR', 'If it is set and not empty, there are no colours.'),
    ...entry('FORCE_COLOR', 'If it is set, there are colours in pipes and files too; 0: none.'),
    ...entry('TERM', 'If it is "dumb", there are no colours and no line of progress.'),
    '.SH SEE ALSO',
    text('"plan explain" lists the codes of all diagnostics, and explains each.'),
    '.BR docker (1),',
    '.BR etcdutl (1),',
    '.BR shellcheck (1)',
  ].join('\n')}\n`;
}

const description: readonly string[] = [
  'An inventory describes the cluster: its hosts, addresses, directories and what became of them. From it, plan writes one script for each host and phase of the recovery, a runbook and checksums. People review these before an incident. During an incident an operator runs them as root.',
  'plan itself never logs in to a host and changes nothing on it.',
];

function commandSection(command: SurfaceCommand): readonly string[] {
  const { usage, description: words, options, definition } = command;
  const help = helpOf(definition);
  return [
    `.SS ${text(usage)}`,
    text(words),
    ...command.arguments.flatMap((argument) => entry(argument.name, argument.description)),
    ...options.flatMap(optionEntry),
    ...help.examples.flatMap(([line, does]) => {
      return ['.PP', text(capital(does)), '.PP', '.RS 4', '.nf', text(line), '.fi', '.RE'];
    }),
    '.PP',
    text(`Exit status: ${exitWords(help)}`),
    ...(help.remark === '' ? [] : paragraphs([help.remark])),
  ];
}

function optionEntry({ flags, description: words }: SurfaceOption): readonly string[] {
  return entry(flags, words);
}

function entry(name: string, words: string): readonly string[] {
  return ['.TP', `.B ${text(name)}`, text(words)];
}

function paragraphs(all: readonly string[]): readonly string[] {
  return all.flatMap((each) => ['.PP', text(each)]);
}

function capital(words: string): string {
  const sentence = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.?]$/u.test(sentence) ? sentence : `${sentence}.`;
}

/** Text as roff reads it: no escapes, and no line that is a request. */
function text(plain: string): string {
  const escaped = plain.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
  return escaped.replace(/^(?=[.'])/u, '\\&');
}

// `plan record`: the records of several hosts as one timeline.

import { Command } from 'commander';
import { describe } from './help.ts';
import { type OutputOptions, outputOptions, print, report } from './output.ts';

/** `plan record` */
export function recordCommand(): Command {
  const command = new Command('record')
    .description('Put the records of several hosts together into one timeline (Markdown).')
    .argument('<files...>', 'record.jsonl of each host, from plan-recovery/ in its data directory');
  return describe(outputOptions(command).action(run), {
    examples: [['plan record host-1.jsonl host-2.jsonl > timeline.md', 'for the post-mortem']],
    exits: { 0: 'success', 1: 'a line is no entry of a record', 2: 'could not run' },
  });
}

async function run(files: readonly string[], options: OutputOptions): Promise<void> {
  const [
    { inputName, readInput },
    { readRecord },
    { timelineMarkdown, timelineOf },
    { hasErrors },
  ] = await Promise.all([
    import('../bundle/text.ts'),
    import('../record/read.ts'),
    import('../record/timeline.ts'),
    import('../diagnostic.ts'),
  ]);
  const texts = await Promise.all(
    files.map(async (file) => ({ file: inputName(file), text: await readInput(file) })),
  );
  const unreadable = texts.flatMap(({ text }) => (typeof text === 'string' ? [] : [text]));
  if (unreadable.length > 0) {
    await report({ exit: 2, diagnostics: unreadable, result: null }, options);
    return;
  }
  const read = texts.map(({ file, text }) => readRecord(String(text), file));
  const diagnostics = read.flatMap((each) => each.diagnostics);
  const failed = hasErrors(diagnostics);
  const result = failed ? null : timelineOf(read.flatMap(({ entries }) => entries));
  if ((await report({ exit: failed ? 1 : 0, diagnostics, result }, options)) && result !== null) {
    print(timelineMarkdown(result));
  }
}

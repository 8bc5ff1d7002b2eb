// One line on a terminal that says what is being done, and for how long. Silent everywhere else.

import { canRewrite } from './terminal.ts';

/** A line that is written again and again, and taken back at the end. */
export interface ProgressLine {
  readonly show: (doing: string) => void;
  readonly clear: () => void;
}

/** The part of a stream that is used. */
type Terminal = Pick<typeof process.stderr, 'isTTY' | 'write' | 'columns'>;

/** A line on standard error. It does nothing unless that is a terminal. */
export function progressLine(stream: Terminal = process.stderr): ProgressLine {
  if (!canRewrite(stream)) return { show: () => {}, clear: () => {} };
  let began = 0;
  let current = '';
  let timer: NodeJS.Timeout | null = null;
  const draw = () => {
    const seconds = Math.floor((performance.now() - began) / 1000);
    const text = `${current} (${seconds} s)`;
    // A line that wraps cannot be taken back.
    stream.write(`\r${text.slice(0, Math.max(1, (stream.columns || 80) - 1))}\u001b[K`);
  };
  const clear = () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    process.off('exit', clear);
    stream.write('\r\u001b[K');
  };
  const show = (doing: string) => {
    if (timer === null) {
      began = performance.now();
      timer = setInterval(draw, 1000).unref();
      process.on('exit', clear);
    }
    current = doing;
    draw();
  };
  return { show, clear };
}

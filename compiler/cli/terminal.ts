// Whether a stream is a terminal that shows colours, or one on which a line can be written again.

/** A stream of this process. */
type Stream = Pick<typeof process.stderr, 'isTTY'>;

/** NO_COLOR and FORCE_COLOR decide; without them, whether it is a terminal and not a dumb one. */
export function colourOn(stream: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  const { NO_COLOR = '', FORCE_COLOR = '' } = env;
  if (NO_COLOR !== '' || FORCE_COLOR === '0' || FORCE_COLOR === 'false') return false;
  return FORCE_COLOR !== '' || canRewrite(stream, env);
}

/** Whether a line can be taken back: on a terminal, unless TERM is "dumb". */
export function canRewrite(stream: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && env.TERM !== 'dumb';
}

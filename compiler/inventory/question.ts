// A value that is not known yet: a text that begins with a mark and says how to find the answer.

const mark = '?? ';

/** The value that stands for an open question, such as `?? on host-1: cat /etc/machine-id`. */
export function openQuestion(how: string): string {
  return mark + how;
}

/** How to answer, if the value is an open question; or null. */
export function howToAnswer(value: unknown): string | null {
  if (typeof value !== 'string' || !value.startsWith(mark.trim())) return null;
  return value.slice(mark.trim().length).trim();
}

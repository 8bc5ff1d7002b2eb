// Whether a file has what the schema of the evidence says.

import { readFileSync } from 'node:fs';
import { evidenceObject } from '../../compiler/evidence/schema.ts';

const [file = ''] = process.argv.slice(2);
const read = evidenceObject.safeParse(JSON.parse(readFileSync(file, 'utf8')));
const problems = read.success
  ? ['as the schema says']
  : read.error.issues.map((issue) => JSON.stringify(issue));
process.stdout.write(`${problems.join('\n')}\n`);

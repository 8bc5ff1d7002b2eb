// The scenarios in the order they run.

import type { Scenario } from '../stage.ts';
import { databasesSurvive, databasesWithoutWindow } from './11-databases.ts';
import { threeServersTwoReturn } from './three-servers-two-return.ts';

export const scenarios: readonly Scenario[] = [
  threeServersTwoReturn,
  databasesSurvive,
  databasesWithoutWindow,
];

// The scenarios in the order they run.

import type { Scenario } from '../stage.ts';
import { twoReturn, twoReturnOlder } from './01-two-return.ts';
import { oneReplaced, oneReplacedOlder } from './02-one-replaced.ts';
import { totalLoss } from './03-total-loss.ts';
import { even } from './04-even.ts';
import { fiveAndClients, fiveAndClientsOlder } from './05-five-and-clients.ts';
import { swarmKept } from './06-swarm-kept.ts';
import { majorityReturns } from './07-majority-returns.ts';
import { beforeTheIncident } from './08-before-the-incident.ts';
import { guideOrder, guideOrderOlder } from './09-guide-order.ts';
import { undo } from './10-undo.ts';
import { databasesSurvive, databasesWithoutWindow } from './11-databases.ts';
import { killedReattachment } from './12-killed-reattachment.ts';
import { rebooted } from './13-rebooted.ts';
import { staleSurvivor } from './14-stale-survivor.ts';
import { twoOperatorsInTurn, twoOperatorsTogether } from './15-two-operators.ts';
import { secondDisaster } from './16-second-disaster.ts';
import { neverReturns } from './17-never-returns.ts';
import { powerCuts } from './18-power-cuts.ts';
import { freshest } from './19-freshest.ts';
import { lostInTheMiddle, recoverAlone } from './20-recover-alone.ts';
import { packedTools } from './22-packed-tools.ts';

export const scenarios: readonly Scenario[] = [
  twoReturn,
  twoReturnOlder,
  oneReplaced,
  oneReplacedOlder,
  totalLoss,
  even,
  fiveAndClients,
  fiveAndClientsOlder,
  swarmKept,
  majorityReturns,
  beforeTheIncident,
  guideOrder,
  guideOrderOlder,
  undo,
  databasesSurvive,
  databasesWithoutWindow,
  killedReattachment,
  rebooted,
  staleSurvivor,
  twoOperatorsInTurn,
  twoOperatorsTogether,
  secondDisaster,
  neverReturns,
  powerCuts,
  freshest,
  recoverAlone,
  lostInTheMiddle,
  packedTools,
];

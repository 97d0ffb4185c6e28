import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  DefinitionBody,
  Fail,
  type LogOptions,
  Pass,
  QueryLanguage,
  StateMachine,
  TaskInput,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledgeWorkflow } from '../../constructs/acknowledge.ts';
import { errorCodes } from '../../domain/errors.ts';
import type { RecoverRequest } from '../../domain/fashion/contract.ts';

export interface CollectionWorkflowProps {
  readonly collect: IFunction;
  readonly recover: IFunction;
  readonly logs: LogOptions;
  /** @default 3 hours */
  readonly timeout?: Duration;
}

/**
 * Has the imports started again that have not finished, once; that needs no SFTP server, so it comes first, and where it
 * fails the reports are collected all the same and it is tried again with the next look.
 *
 * Looks at the SFTP server until the drop of the scheduled slot is archived and no file is left that is still being written,
 * or the looks are used up: then the execution fails with `DropMissing` where the drop is not there, and the alarm rings. A
 * file that is refused fails the execution too, after all others are collected. Waits, looks and attempts come from the
 * execution's input.
 */
export class CollectionWorkflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: CollectionWorkflowProps) {
    super(scope, id);
    const begin = Pass.jsonata(this, 'Begin', {
      assign: {
        input: '{% $states.input %}',
        look: 1,
        settleRound: 0,
        attempt: 1,
        rehashed: null,
        recovered: null,
        unrecovered: null,
        collected: [],
        refused: [],
        failure: null,
      },
    });
    const failed = Fail.jsonata(this, 'Failed', {
      error: '{% $failure.Error %}',
      cause: '{% $failure.Cause %}',
    });
    const missing = Fail.jsonata(this, 'Missing', {
      error: 'DropMissing',
      cause:
        "{% 'no report for slot ' & $slot & ' after ' & $string($look) & ' looks' & " +
        "($settling > 0 ? '; not at rest: ' & $string($settling) & ' files' : '') & " +
        "($count($refused) > 0 ? '; refused: ' & $refused[0].cause : '') %}",
    });
    const refused = Fail.jsonata(this, 'Refused', {
      comment: 'All else is collected; a person has to look at this file',
      error: '{% $refused[0].error %}',
      cause: '{% $refused[0].cause %}',
    });
    const notRecovered = Fail.jsonata(this, 'NotRecovered', {
      comment: 'All is collected; imports that have not finished are left to the next collection',
      error: '{% $unrecovered.Error %}',
      cause: '{% $unrecovered.Cause %}',
    });
    const collected = Pass.jsonata(this, 'Collected', {
      outputs: {
        slot: '{% $slot %}',
        collected: '{% $collected %}',
        settling: '{% $settling %}',
        rehashed: '{% $rehashed %}',
        recovered: '{% $recovered %}',
      },
    });

    const recover = LambdaInvoke.jsonata(this, 'Recover', {
      lambdaFunction: props.recover,
      payload: TaskInput.fromObject({
        collection: '{% $states.context.Execution.Name %}',
        afterSeconds: '{% $input.recovery.afterSeconds %}',
        withinSeconds: '{% $input.recovery.withinSeconds %}',
        atMost: '{% $input.recovery.atMost %}',
      } satisfies Record<keyof RecoverRequest, unknown>),
      assign: { recovered: '{% $states.result.Payload %}' },
      retryOnServiceExceptions: false, // the waits of these retries could not come from the input
    });
    const collect = LambdaInvoke.jsonata(this, 'Collect', {
      lambdaFunction: props.collect,
      payload: TaskInput.fromObject({
        scheduledAt: '{% $exists($input.scheduledAt) ? $input.scheduledAt : null %}',
        settleSeconds: '{% $input.waits.settleSeconds %}',
        // Once is enough: until a look has come back with the result.
        rehashSeconds: '{% $rehashed ? 0 : $input.rehashSeconds %}',
      }),
      assign: {
        complete: '{% $states.result.Payload.complete %}',
        slot: '{% $states.result.Payload.slot %}',
        collected: '{% [$append($collected, $states.result.Payload.collected)] %}',
        refused: '{% $states.result.Payload.refused %}',
        settling: '{% $states.result.Payload.settling %}',
        rehashed: '{% $states.result.Payload.rehashed ? $states.result.Payload.rehashed : $rehashed %}',
      },
      retryOnServiceExceptions: false, // the waits of these retries could not come from the input
    });
    const waitToLook = Wait.jsonata(this, 'WaitToLook', {
      time: WaitTime.seconds('{% $input.waits.lookSeconds %}'),
      assign: { look: '{% $look + 1 %}' },
    });
    const waitToSettle = Wait.jsonata(this, 'WaitToSettle', {
      time: WaitTime.seconds('{% $input.waits.settleSeconds %}'),
      assign: { settleRound: '{% $settleRound + 1 %}' },
    });
    const waitToRetry = Wait.jsonata(this, 'WaitToRetry', {
      time: WaitTime.seconds('{% $input.waits.retrySeconds %}'),
      assign: { attempt: '{% $attempt + 1 %}' },
    });
    const when = (condition: string) => Condition.jsonata(`{% ${condition} %}`);
    const isRecovered = Choice.jsonata(this, 'IsRecovered', { comment: 'Once a collection is enough' })
      .when(when('$recovered = null'), recover)
      .otherwise(collect);
    waitToLook.next(isRecovered);
    waitToSettle.next(isRecovered);
    waitToRetry.next(isRecovered);
    recover.next(collect);
    recover.addCatch(collect, {
      errors: ['States.ALL'],
      assign: { unrecovered: '{% $states.errorOutput %}' },
    });
    const mayTryAgain = Choice.jsonata(this, 'MayTryAgain')
      .when(Condition.jsonata('{% $attempt < $input.attempts %}'), waitToRetry)
      .otherwise(failed);
    const assign = { failure: '{% $states.errorOutput %}' };
    collect.addCatch(failed, { errors: errorCodes('fashion', 'refused'), assign });
    collect.addCatch(mayTryAgain, { errors: ['States.ALL'], assign });
    collect.next(
      Choice.jsonata(this, 'SlotComplete')
        .when(when('$settling > 0 and $settleRound < $input.settleRounds'), waitToSettle)
        .when(when('($settling > 0 or $not($complete)) and $look < $input.looks'), waitToLook)
        .when(when('$not($complete)'), missing)
        .when(when('$count($refused) > 0'), refused)
        .when(when('$recovered = null and $attempt < $input.attempts'), waitToRetry)
        .when(when('$recovered = null'), notRecovered)
        .otherwise(collected),
    );

    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'Look at the SFTP server until the drop of the slot is archived',
      definitionBody: DefinitionBody.fromChainable(begin.next(recover)),
      queryLanguage: QueryLanguage.JSONATA,
      timeout: props.timeout ?? Duration.hours(3),
      tracingEnabled: true,
      logs: props.logs,
    });
    acknowledgeWorkflow(this.stateMachine, props.collect, props.recover);
  }
}

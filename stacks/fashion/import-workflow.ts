import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import {
  Choice,
  Condition,
  DefinitionBody,
  Fail,
  type IChainable,
  type LogOptions,
  Pass,
  QueryLanguage,
  StateMachine,
  TaskInput,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import {
  DynamoAttributeValue,
  DynamoPutItem,
  LambdaInvoke,
  SnsPublish,
} from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledgeWorkflow } from '../../constructs/acknowledge.ts';
import { errorCodes } from '../../domain/errors.ts';
import type { ImportNote, LoadRequest, TransformRequest } from '../../domain/fashion/contract.ts';

export interface ImportWorkflowProps {
  readonly transform: IFunction;
  readonly load: IFunction;
  readonly results: ITopic;
  /** Where an import says under the key of its workbook that it runs, and how it ended. */
  readonly notes: ITable;
  readonly logs: LogOptions;
  /** A run that takes longer has failed. @default 2 hours */
  readonly timeout?: Duration;
}

/**
 * One drop from its arrival in the archive to SQL: transform, check, stage, reconcile, publish, tell.
 *
 * Every wait and the number of attempts come from the execution's input. A failed attempt goes on at the step that
 * failed; what can never succeed (a `refused` error) is not repeated. A long statement is waited for here, where waiting
 * costs nothing. Each step may run twice without harm.
 *
 * It notes that it runs and how it ended, for the next collection, which starts again what has not finished. A note that
 * cannot be written stops nothing: then the import is started once more, and finds the drop loaded. Of replays their
 * loads alone are noted: a person waits for them.
 */
export class ImportWorkflow extends Construct {
  readonly stateMachine: StateMachine;
  readonly timeout: Duration;
  private readonly props: ImportWorkflowProps;

  constructor(scope: Construct, id: string, props: ImportWorkflowProps) {
    super(scope, id);
    this.props = props;
    this.timeout = props.timeout ?? Duration.hours(2);

    const begin = Pass.jsonata(this, 'Begin', {
      assign: {
        input: '{% $states.input %}',
        run: '{% $states.context.Execution.Name %}',
        step: 'Transform',
        attempt: 1,
        failures: 0,
        statement: null,
        transformed: null,
        stagedAt: null,
        failure: null,
      },
    });
    const resume = Choice.jsonata(this, 'Resume', { comment: 'Go on with the step that is not done yet' });
    const failed = this.end();
    const retry = this.retry(resume, failed);

    const transform = this.attempt(
      LambdaInvoke.jsonata(this, 'Transform', {
        lambdaFunction: props.transform,
        payload: TaskInput.fromObject({
          bucket: '{% $input.bucket %}',
          key: '{% $input.key %}',
          arrivedAt: '{% $input.arrivedAt %}',
          from: '{% $input.from %}',
          replay: '{% $input.replay %}',
          corrections: '{% $exists($input.corrections) ? $input.corrections : null %}',
        } satisfies Record<keyof TransformRequest, unknown>),
        assign: { transformed: '{% $states.result.Payload %}' },
        retryOnServiceExceptions: false, // the waits of these retries could not come from the input
      }),
      failed,
      retry,
    );
    const known = Pass.jsonata(this, 'AlreadyLoaded', {
      outputs: { outcome: 'already-loaded', transformed: '{% $transformed %}' },
    });
    const tell = SnsPublish.jsonata(this, 'TellResult', {
      topic: props.results,
      subject: 'Fashion inventory loaded',
      message: TaskInput.fromText(
        "{% $string({'outcome': $detail.outcome, 'unchanged': $detail.unchanged, 'archiveKey': $input.key, " +
          "'run': $run, 'replay': $input.replay, " +
          "'loadKey': $transformed.loadKey, 'rowsIn': $transformed.rowsIn, 'rowsLoaded': $transformed.rowsOut, " +
          "'rowsRejected': $transformed.rowsRejected, 'rejectedKey': $transformed.rejectedKey}) %}",
      ),
    });
    const loaded = Pass.jsonata(this, 'Loaded', {
      outputs: {
        outcome: '{% $detail.outcome %}',
        unchanged: '{% $detail.unchanged %}',
        transformed: '{% $transformed %}',
        stagedAt: '{% $stagedAt %}',
        loadedAt: '{% $detail.loadedAt %}',
      },
    });
    tell.next(loaded);
    this.tellAgain(tell);
    const noteLoaded = this.note('NoteLoaded', 'loaded', tell);
    const noteKnown = this.note('NoteKnown', 'loaded', known);

    const publish = this.loadStep('Publish', 'publish', noteLoaded, resume, failed, retry);
    const reconcile = this.loadStep('Reconcile', 'reconcile', publish, resume, failed, retry);
    const stage = this.loadStep('Stage', 'stage', reconcile, resume, failed, retry);
    const check = this.loadStep('Check', 'check', stage, resume, failed, retry, noteKnown);
    transform.next(check);

    for (const [step, task] of Object.entries({
      Check: check,
      Stage: stage,
      Reconcile: reconcile,
      Publish: publish,
    })) {
      resume.when(Condition.jsonata(`{% $step = '${step}' %}`), task);
    }
    resume.otherwise(transform);
    const first = Choice.jsonata(this, 'IsArrival')
      .when(Condition.jsonata('{% $input.replay = null %}'), this.note('NoteRunning', 'running', transform))
      .otherwise(transform);

    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'One inventory drop: workbook in the archive to positions in SQL',
      definitionBody: DefinitionBody.fromChainable(begin.next(first)),
      queryLanguage: QueryLanguage.JSONATA,
      timeout: this.timeout,
      tracingEnabled: true,
      logs: props.logs,
    });
    acknowledgeWorkflow(this.stateMachine, props.transform, props.load);
  }

  /** A call of the loader and the choice after it: done goes on, running waits and resumes, failed tries again. */
  private loadStep(
    name: string,
    step: LoadRequest['step'],
    next: IChainable,
    resume: Choice,
    failed: IChainable,
    retry: IChainable,
    skipped?: IChainable,
  ): LambdaInvoke {
    const task = this.attempt(this.invokeLoad(name, step), failed, retry);
    const wait = Wait.jsonata(this, `WaitFor${name}`, {
      time: WaitTime.seconds('{% $input.waits.statementSeconds %}'),
    });
    wait.next(resume);
    const outcome = Choice.jsonata(this, `${name}Done`)
      .when(Condition.jsonata("{% $status = 'done' %}"), next)
      .when(Condition.jsonata("{% $status = 'running' %}"), wait);
    if (skipped) outcome.when(Condition.jsonata("{% $status = 'skipped' %}"), skipped);
    outcome.otherwise(retry);
    task.next(outcome);
    return task;
  }

  private invokeLoad(name: string, step: LoadRequest['step']): LambdaInvoke {
    return LambdaInvoke.jsonata(this, name, {
      lambdaFunction: this.props.load,
      payload: TaskInput.fromObject({
        step,
        transformed: '{% $transformed %}',
        archiveKey: '{% $input.key %}',
        replay: '{% $input.replay %}',
        force: '{% $input.force %}',
        run: '{% $run %}',
        stagedAt: '{% $stagedAt %}',
        // A statement is this step's own: after a step is done the next one starts without.
        failures: `{% $step = '${name}' ? $failures : 0 %}`,
        statement: `{% $step = '${name}' ? $statement : null %}`,
      } satisfies Record<keyof LoadRequest, unknown>),
      assign: {
        step: name,
        status: '{% $states.result.Payload.status %}',
        statement: '{% $states.result.Payload.statement %}',
        detail: '{% $states.result.Payload.detail %}',
        // Only a stage that is done says when: an expression without a result would end the execution.
        stagedAt:
          step === 'stage'
            ? "{% $states.result.Payload.status = 'done' ? $states.result.Payload.detail.stagedAt : null %}"
            : '{% $stagedAt %}',
        failures: `{% ($step = '${name}' ? $failures : 0) + ($states.result.Payload.status = 'failed' ? 1 : 0) %}`,
        failure: "{% {'Error': 'WarehouseStatementFailed', 'Cause': $states.result.Payload.error} %}",
      },
      retryOnServiceExceptions: false,
    });
  }

  /** What is refused ends the run; anything else is tried again. */
  private attempt(task: LambdaInvoke, failed: IChainable, retry: IChainable): LambdaInvoke {
    const assign = { failure: '{% $states.errorOutput %}' };
    task.addCatch(failed, { errors: errorCodes('fashion', 'refused'), assign });
    task.addCatch(retry, { errors: ['States.ALL'], assign: { ...assign, step: task.node.id } });
    return task;
  }

  private retry(resume: Choice, failed: IChainable): Choice {
    const wait = Wait.jsonata(this, 'WaitToRetry', {
      time: WaitTime.seconds('{% $input.waits.retrySeconds %}'),
      assign: { attempt: '{% $attempt + 1 %}' },
    });
    wait.next(resume);
    return Choice.jsonata(this, 'MayTryAgain')
      .when(Condition.jsonata('{% $attempt < $input.attempts %}'), wait)
      .otherwise(failed);
  }

  /** The drop is in SQL by now: what fails is the telling alone, so it alone is repeated, and nobody is told otherwise. */
  private tellAgain(tell: SnsPublish): void {
    const wait = Wait.jsonata(this, 'WaitToTell', {
      time: WaitTime.seconds('{% $input.waits.retrySeconds %}'),
      assign: { attempt: '{% $attempt + 1 %}' },
    });
    wait.next(tell);
    const mayTellAgain = Choice.jsonata(this, 'MayTellAgain')
      .when(Condition.jsonata('{% $attempt < $input.attempts %}'), wait)
      .otherwise(
        Fail.jsonata(this, 'NotTold', {
          error: '{% $failure.Error %}',
          cause: "{% 'loaded, but the result could not be told: ' & $failure.Cause %}",
        }),
      );
    tell.addCatch(mayTellAgain, { errors: ['States.ALL'], assign: { failure: '{% $states.errorOutput %}' } });
  }

  /** Writes over what is noted of this workbook, and goes on, whether that could be written or not. */
  private note(name: string, outcome: ImportNote['outcome'], next: IChainable): DynamoPutItem {
    const text = DynamoAttributeValue.fromString;
    const noted = DynamoPutItem.jsonata(this, name, {
      table: this.props.notes,
      item: {
        key: text('{% $input.key %}'),
        outcome: text(outcome),
        startedAt: text('{% $states.context.Execution.StartTime %}'),
        run: text('{% $run %}'),
      } satisfies Record<keyof ImportNote | 'key' | 'run', DynamoAttributeValue>,
    });
    noted.next(next);
    noted.addCatch(next);
    return noted;
  }

  /** Drops the staging table, notes, tells, and fails the execution with the error that ended it. */
  private end(): LambdaInvoke {
    const failed = Fail.jsonata(this, 'Failed', {
      error: '{% $failure.Error %}',
      cause: '{% $failure.Cause %}',
    });
    const tell = SnsPublish.jsonata(this, 'TellFailure', {
      topic: this.props.results,
      subject: 'Fashion inventory NOT loaded',
      message: TaskInput.fromText(
        "{% $string({'outcome': 'failed', 'archiveKey': $input.key, 'run': $run, 'replay': $input.replay, " +
          "'error': $failure.Error, 'cause': $failure.Cause}) %}",
      ),
    });
    tell.next(failed);
    tell.addCatch(failed);
    const refused = JSON.stringify(errorCodes('fashion', 'refused'));
    const ended = Choice.jsonata(this, 'HowItEnded')
      .when(Condition.jsonata('{% $input.replay != null %}'), tell)
      .when(
        Condition.jsonata(`{% $failure.Error in ${refused} %}`),
        this.note('NoteRefused', 'refused', tell),
      )
      .otherwise(this.note('NoteFailed', 'failed', tell));
    const discard = LambdaInvoke.jsonata(this, 'Discard', {
      lambdaFunction: this.props.load,
      payload: TaskInput.fromObject({
        step: 'discard',
        transformed: null,
        archiveKey: '{% $input.key %}',
        replay: null,
        force: false,
        run: '{% $run %}',
        stagedAt: null,
        failures: 0,
        statement: null,
      } satisfies Record<keyof LoadRequest, unknown>),
      retryOnServiceExceptions: false,
    });
    discard.addCatch(ended); // a staging table left behind costs little; the failure must be told all the same
    discard.next(ended);
    return discard;
  }
}

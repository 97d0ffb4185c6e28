/** An error as AWS JSON 1.1 sends it: the SDKs make an exception of that name of it. */
export class ServiceError extends Error {
  readonly status: number;
  /** Members beside the message, for example ResourceId. */
  readonly members: Record<string, string>;

  constructor(name: string, message: string, members: Record<string, string> = {}, status = 400) {
    super(message);
    this.name = name;
    this.members = members;
    this.status = status;
  }
}

/** Bad or unserved input, found before anything runs. */
export function validation(message: string): ServiceError {
  return new ServiceError('ValidationException', message);
}

/** Namespace of the CloudWatch metrics of all labs: functions write to it, dashboards and alarms read from it. */
export const metricNamespace = 'DataPipelineLabs';

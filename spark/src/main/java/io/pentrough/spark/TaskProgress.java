package io.pentrough.spark;

import java.time.Duration;

/**
 * How one task of an attempt gets on.
 *
 * @param rank the task's number
 * @param host the machine it runs on, with a port where Spark reports one
 * @param steps how many steps it has done in this attempt
 * @param stepsPerSecond how fast, since the report before; 0 if it has done no step since
 * @param ownTimePerStep how long a step took since the report before, less the time in which it
 *     waited for other tasks; if it has done no step since, the same of the step it is at
 */
public record TaskProgress(
    int rank, String host, long steps, double stepsPerSecond, Duration ownTimePerStep) {}

package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.util.concurrent.ThreadFactory;

/**
 * What a loader is given that differs between those of a group.
 *
 * @param firstWorker the number of its first worker
 * @param whenStopped called once by the copy thread when the loader copies nothing more, as it is
 *     broken or closed; must not throw
 */
record Seat(
    String name,
    Device device,
    DeviceStream consumerStream,
    int firstWorker,
    ThreadFactory threads,
    Runnable whenStopped) {}

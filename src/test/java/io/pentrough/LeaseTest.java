package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What may be done with a lease, and until when. */
@OnEveryDevice
class LeaseTest {

  private final Device device = TestDevice.openForGates();

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill);
  }

  @Test
  @DisplayName("I2: leases close in any order; the others keep their data")
  void closedInAnyOrder() throws Exception {
    try (BackgroundLoader loader = loader().workers(2).deviceSlots(4).start()) {
      for (int round = 0; round < 50; round++) {
        DeviceBatch[] leases = new DeviceBatch[4];
        for (int i = 0; i < 4; i++) {
          leases[i] = loader.get();
        }
        long first = 6L * round;
        check(first + 2, leases[2]);
        check(first + 4, loader.get()); // into the slot that came free
        check(first, leases[0]);
        check(first + 5, loader.get());
        check(first + 3, leases[3]);
        check(first + 1, leases[1]);
      }
    }
  }

  @Test
  @DisplayName("a closed lease and everything got from it refuse to be used, and name the batch")
  void useAfterClose() throws Exception {
    try (BackgroundLoader loader = loader().start();
        DeviceStream stream = device.newStream()) {
      check(0, loader.get());
      DeviceBatch batch = loader.get();
      DeviceArray array = batch.array("number");
      DeviceBuffer buffer = array.buffer();
      DeviceBuffer slice = buffer.slice(0, 4, () -> {});
      ByteBuffer room = ByteBuffer.allocate(8);
      batch.close();
      for (Executable use :
          List.<Executable>of(
              () -> batch.array("number"),
              () -> batch.array(0),
              array::shape,
              () -> array.dimension(0),
              array::elements,
              array::buffer,
              () -> array.copyTo(room),
              () -> stream.read(buffer, room),
              () -> buffer.slice(0, 1, () -> {}),
              () -> TestDevice.bytes(buffer),
              () -> TestDevice.bytes(slice))) {
        IllegalStateException e = assertThrows(IllegalStateException.class, use);
        assertSays(e, "batch 1 is closed");
      }
      assertEquals(0, room.position());
      assertEquals(1, batch.index());
      assertEquals(Numbered.SPEC, batch.spec());
      check(2, loader.get());
    }
  }

  @Test
  @DisplayName("I2: closing again gives nobody else's slot back")
  void closedTwice() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(1).start()) {
      DeviceBatch first = loader.get();
      first.close();
      try (DeviceBatch second = loader.get()) {
        first.close();
        assertThrows(IllegalStateException.class, loader::get); // the one slot is still leased
        assertEquals(1, Numbered.number(second));
      }
      check(2, loader.get());
    }
  }

  @Test
  @DisplayName("I2: two threads that close one lease give its slot back once")
  void closedTwiceAtOnce() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(1).start()) {
      CyclicBarrier start = new CyclicBarrier(2);
      DeviceBatch[] lease = new DeviceBatch[1];
      int rounds = 300;
      Caller<Integer> other =
          Caller.start(
              () -> {
                for (int i = 0; i < rounds; i++) {
                  start.await();
                  lease[0].close();
                  start.await();
                }
                return rounds;
              });
      lease[0] = loader.get();
      for (int i = 0; i < rounds; i++) {
        assertEquals(i, Numbered.number(lease[0]));
        start.await();
        lease[0].close();
        DeviceBatch next = loader.get();
        start.await();
        lease[0] = next;
        assertThrows(IllegalStateException.class, loader::get); // the one slot is leased again
      }
      assertEquals(rounds, other.result());
      lease[0].close();
    }
  }

  @Test
  @DisplayName("what is not in the batch is refused by name, place or axis")
  void noSuchArray() throws Exception {
    try (BackgroundLoader loader = loader().start();
        DeviceBatch batch = loader.get()) {
      var e = assertThrows(IllegalArgumentException.class, () -> batch.array("numbre"));
      assertSays(e, "numbre", "'number'");
      assertThrows(IndexOutOfBoundsException.class, () -> batch.array(1));
      var axis = assertThrows(IndexOutOfBoundsException.class, () -> batch.array(0).dimension(1));
      assertSays(axis, "'number'");
    }
  }

  @Test
  @DisplayName("copyTo waits for the consumer's stream, moves the position, and needs room")
  void copyTo() throws Exception {
    try (DeviceStream stream = device.newStream();
        BackgroundLoader loader = loader().consumerStream(stream).start()) {
      check(0, loader.get());
      try (DeviceBatch batch = loader.get();
          TestDevice.Gate gate = TestDevice.gate(stream)) {
        ByteBuffer target = ByteBuffer.allocate(20).order(ByteOrder.nativeOrder());
        target.position(3);
        Caller<ByteBuffer> copy =
            Caller.start(
                () -> {
                  batch.array(0).copyTo(target);
                  return target;
                });
        Patience.until("copyTo", () -> TestDevice.areHeldUp(copy.thread));
        gate.open();
        assertEquals(11, copy.result().position());
        assertEquals(1, target.getLong(3));
        assertThrows(
            BufferOverflowException.class, () -> batch.array(0).copyTo(ByteBuffer.allocate(7)));
      }
    }
  }

  private enum Consumer {
    DEFAULT_STREAM,
    CONSUMER_STREAM,
    NAMED_STREAM,
    TWO_STREAMS_IN_TURN
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName(
      "I2: a slot is written again only behind the work queued before its lease was closed")
  void slotWaitsForConsumersWork(Consumer consumer) throws Exception {
    try (DeviceStream own = device.newStream();
        DeviceStream another = device.newStream()) {
      BackgroundLoader.Builder builder = loader().deviceSlots(1);
      if (consumer == Consumer.CONSUMER_STREAM) {
        builder.consumerStream(own);
      }
      try (BackgroundLoader loader = builder.start()) {
        for (int i = 0; i < 20; i++) {
          DeviceStream stream =
              switch (consumer) {
                case DEFAULT_STREAM -> device.defaultStream();
                case CONSUMER_STREAM, NAMED_STREAM -> own;
                case TWO_STREAMS_IN_TURN -> i % 2 == 0 ? own : another;
              };
          DeviceBatch batch =
              switch (consumer) {
                case DEFAULT_STREAM, CONSUMER_STREAM -> loader.get();
                case NAMED_STREAM, TWO_STREAMS_IN_TURN -> loader.get(stream, patience());
              };
          assertSame(stream, batch.stream());
          try (TestDevice.LateReader reader =
              TestDevice.lateReader(stream, batch.array(0).buffer())) {
            batch.close();
            assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)));
            reader.open();
            stream.synchronize();
            assertEquals(i, reader.seen().getLong(0));
          }
        }
      }
    }
  }

  @Test
  @DisplayName("I6: however many streams batches are got for, events stay few and memory as it was")
  void manyStreams() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(2).start()) {
      int before = TestDevice.handles(device);
      long bytes = TestDevice.liveBytes(device);
      int most = 0;
      for (int i = 0; i < 200; i++) {
        try (DeviceStream stream = device.newStream()) {
          try (DeviceBatch batch = loader.get(stream, patience())) {
            assertEquals(i, batch.index());
          }
          stream.synchronize();
        }
        assertEquals(bytes, TestDevice.liveBytes(device));
        most = Math.max(most, TestDevice.handles(device) - before);
      }
      assertTrue(most < 40, most + " events");
    }
  }
}

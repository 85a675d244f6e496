package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice.Gate;
import io.pentrough.device.WorkFailedException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A device that the test drives: copies and kernels run when the test says so, and as late as it
 * likes, so that a missing fence is wrong data every time.
 *
 * <p>A stream is a queue. On a <em>held</em> stream each copy and each kernel runs in a {@link
 * #step}, or in one of the {@linkplain #stepper device's own}; on any other as soon as nothing
 * before it waits. Marks and satisfied waits take no step. A copy reads its source when it runs.
 *
 * <p>Every call is recorded, and any call can be made to fail or to stop (see {@link #on}). What a
 * user of the device must never do is written down as a {@linkplain #violations() violation}, and
 * so is what the interface allows but a loader has no cause to do, like closing twice. Freed memory
 * is overwritten.
 */
final class ScriptedDevice implements Device {

  /** A fence that this device breaks, to prove that a test would see it. */
  enum Sabotage {
    /** {@code waitFor} holds up nothing. */
    WAITS_IGNORED,
    /** Every event answers "complete". */
    ALWAYS_COMPLETE,
    /** A mark is set in front of what is queued, not behind. */
    MARKED_TOO_EARLY,
    /** {@code waitFor} holds up nothing if the mark is a consumer's: on a stream of the test's. */
    RELEASES_IGNORED,
    /** The latest of the consumers' marks answers "complete". */
    LATEST_RELEASE_COMPLETE,
    /** The consumers' marks before the latest answer "complete". */
    EARLIER_RELEASE_COMPLETE
  }

  /**
   * One call.
   *
   * @param name for example {@code copyToDevice}
   * @param on the stream, or the object itself
   * @param with the buffers or the event, in the order of the call; empty where there are none
   */
  record Call(String name, String on, List<String> with) {
    @Override
    public String toString() {
      return on + "." + name + with;
    }
  }

  private static final Logger LOG = System.getLogger("io.pentrough");

  private static final byte FREED = (byte) 0xDD;
  private static final int ALIGNMENT = 256;
  private static final int MAX_PINNED_BYTES = 1 << 30;
  private static final int MAX_BYTES = Integer.MAX_VALUE - 2 * ALIGNMENT;

  private final Object lock = new Object();
  private final Set<Sabotage> sabotage = EnumSet.noneOf(Sabotage.class);
  private final Stream defaultStream = new Stream("default", false);

  // Guarded by the lock, like the state of everything this device hands out.
  private final List<Call> calls = new ArrayList<>();
  private final List<String> violations = new ArrayList<>();
  private final List<Trap> traps = new ArrayList<>();
  private final Set<Handle> live = new LinkedHashSet<>();
  private final List<Stream> streams = new ArrayList<>(List.of(defaultStream));
  private final Set<Thread> parked = new HashSet<>();
  private boolean holdNewStreams;
  private int made;
  private int pendingAnswers;
  private boolean copiesInCaller;
  private boolean closed;
  private boolean stepsByItself;

  /** What threads in {@code synchronize} wait for. */
  private final List<Mark> awaited = new ArrayList<>();

  private @Nullable Event latestRelease;

  /** Something that happens at a call instead of, or before, what it is for. */
  private static final class Trap {
    final String call;
    final Runnable action;
    int countdown;
    boolean sprung;

    Trap(String call, int countdown, Runnable action) {
      this.call = call;
      this.countdown = countdown;
      this.action = action;
    }
  }

  // ---- what a test says

  static ScriptedDevice with(Sabotage... broken) {
    ScriptedDevice device = new ScriptedDevice();
    device.sabotage.addAll(List.of(broken));
    return device;
  }

  /** From now on new streams are held. */
  ScriptedDevice holdNewStreams() {
    synchronized (lock) {
      holdNewStreams = true;
    }
    return this;
  }

  /** A stream of the test's own: a consumer's. */
  Stream stream(String name) {
    return stream(name, false);
  }

  /** A stream of the test's own that waits for steps. */
  Stream heldStream(String name) {
    return stream(name, true);
  }

  private Stream stream(String name, boolean held) {
    synchronized (lock) {
      Stream stream = new Stream(name, held);
      streams.add(stream);
      return stream;
    }
  }

  /** The stream that was made last; after a start the loader's copy stream. */
  Stream newestStream() {
    synchronized (lock) {
      return streams.get(streams.size() - 1);
    }
  }

  /** The streams this device was asked for, as against those of the test's own. */
  List<Stream> streamsOfLoader() {
    synchronized (lock) {
      return streams.stream().filter(live::contains).toList();
    }
  }

  /** Runs the next copy or kernel; false if there is none, or something before it waits. */
  boolean step(DeviceStream stream) {
    synchronized (lock) {
      if (!canStep(stream)) {
        return false;
      }
      ((Stream) stream).runHead();
      settle();
      return true;
    }
  }

  /** Whether a step would run something. */
  boolean canStep(DeviceStream stream) {
    synchronized (lock) {
      Operation head = ((Stream) stream).queue.peek();
      return head != null && head.takesStep() && head.isRunnable();
    }
  }

  /** Lets a thread of this device step all held streams in turn, until the result is run. */
  Runnable stepper() {
    synchronized (lock) {
      stepsByItself = true;
    }
    Thread thread = new Thread(this::stepAll, "scripted-stepper");
    thread.setDaemon(true);
    thread.start();
    return () -> {
      synchronized (lock) {
        stepsByItself = false;
        lock.notifyAll();
      }
    };
  }

  private void stepAll() {
    boolean goesOn = true;
    while (goesOn) {
      synchronized (lock) {
        boolean moved = false;
        for (Stream stream : streams) {
          moved |= step(stream);
        }
        try {
          if (!moved && stepsByItself) {
            lock.wait();
          }
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
        goesOn = stepsByItself;
      }
    }
  }

  /** Holds no stream any more, nor a new one. */
  void runAll() {
    synchronized (lock) {
      holdNewStreams = false;
      streams.forEach(stream -> stream.held = false);
      settle();
    }
  }

  /** How many copies and kernels have not run. */
  int queuedOn(DeviceStream stream) {
    synchronized (lock) {
      return (int) ((Stream) stream).queue.stream().filter(Operation::takesStep).count();
    }
  }

  /** How many copies a stream was given so far, whether they have run or not. */
  int copiesGiven(DeviceStream stream) {
    synchronized (lock) {
      return ((Stream) stream).copiesGiven;
    }
  }

  /** Queues work that is given the bytes of a buffer when it runs. */
  void launch(DeviceStream stream, DeviceBuffer buffer, Consumer<ByteBuffer> kernel) {
    Memory memory = own(buffer);
    memory.guard.run();
    synchronized (lock) {
      ((Stream) stream).requireOpen("launch");
      memory.block.requireOpen("launch");
      ((Stream) stream)
          .add(
              new Operation("a kernel", memory.block) {
                @Override
                void run() {
                  kernel.accept(memory.view());
                }
              });
    }
  }

  /** Holds up what is queued on a stream from now on. */
  Gate gate(DeviceStream stream) {
    Mark opened = new Mark();
    synchronized (lock) {
      ((Stream) stream).add(Stream.waitFor(opened));
    }
    return new Gate() {
      @Override
      public void open() {
        synchronized (lock) {
          opened.run();
          settle();
        }
      }

      @Override
      public void close() {
        open();
      }
    };
  }

  /** Lets the next copy that runs fail, on whichever stream. */
  void failNextCopyWhenItRuns(RuntimeException failure) {
    on(
        "run copy",
        1,
        () -> {
          throw failure;
        });
  }

  /**
   * Does something at the n-th call of that name from now, on the calling thread, before the call
   * has any effect. If it throws, the call fails with that. {@code "record on consumer"} are the
   * calls for that stream.
   */
  Trigger on(String call, int nth, Runnable action) {
    Trap trap = new Trap(call, nth, action);
    synchronized (lock) {
      traps.add(trap);
    }
    return () -> {
      synchronized (lock) {
        return trap.sprung;
      }
    };
  }

  /** Whether what was to happen {@link #on} a call has happened. */
  interface Trigger {
    boolean sprung();
  }

  // ---- what a test asks

  /** What was done to this device that must not be done. */
  List<String> violations() {
    synchronized (lock) {
      return List.copyOf(violations);
    }
  }

  /** Everything handed out and not closed, streams of the test's own aside. */
  List<String> live() {
    synchronized (lock) {
      return live.stream().map(Handle::toString).toList();
    }
  }

  long live(String kind) {
    return live().stream().filter(name -> name.startsWith(kind)).count();
  }

  /** The bytes of the live pinned buffers. */
  List<ByteBuffer> livePinned() {
    synchronized (lock) {
      return live.stream()
          .filter(Pinned.class::isInstance)
          .map(pinned -> ((Pinned) pinned).view())
          .toList();
    }
  }

  List<Call> calls() {
    synchronized (lock) {
      return List.copyOf(calls);
    }
  }

  List<Call> calls(String name) {
    return calls().stream().filter(call -> call.name().equals(name)).toList();
  }

  /** How often an event has been asked and answered "pending". */
  int pendingAnswers() {
    synchronized (lock) {
      return pendingAnswers;
    }
  }

  /** A loader's streams, which are not held, run copies in their callers anyway: now it says so. */
  ScriptedDevice copyInCaller() {
    copiesInCaller = true;
    return this;
  }

  /** How many threads wait in {@code synchronize}: none whose wait is over, awake or not. */
  int synchronizing() {
    synchronized (lock) {
      return (int) awaited.stream().filter(Mark::isPending).count();
    }
  }

  // ---- Device

  @Override
  public String name() {
    return "scripted";
  }

  @Override
  public String description() {
    return "scripted (driven by a test)";
  }

  @Override
  public PinnedBuffer allocatePinned(long bytes) {
    called("allocatePinned", "device");
    requireSize(bytes, MAX_PINNED_BYTES);
    synchronized (lock) {
      requireOpen();
      return handOut(new Pinned("pinned-" + made++, (int) bytes));
    }
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    called("allocate", "device");
    requireSize(bytes, MAX_BYTES);
    synchronized (lock) {
      requireOpen();
      return handOut(new Allocation("memory-" + made++, (int) bytes)).whole;
    }
  }

  @Override
  public DeviceBuffer map(PinnedBuffer pinned) {
    Pinned own = own(pinned);
    called("map", "device", own);
    synchronized (lock) {
      own.requireOpen("map");
    }
    return new Memory(own, 0, own.size, () -> {}, false);
  }

  @Override
  public boolean copiesInCaller() {
    called("copiesInCaller", "device");
    return copiesInCaller;
  }

  @Override
  public DeviceStream newStream() {
    called("newStream", "device");
    synchronized (lock) {
      requireOpen();
      Stream stream = handOut(new Stream("stream-" + made++, holdNewStreams));
      streams.add(stream);
      return stream;
    }
  }

  @Override
  public DeviceStream defaultStream() {
    called("defaultStream", "device");
    return defaultStream;
  }

  @Override
  public DeviceEvent newEvent() {
    called("newEvent", "device");
    synchronized (lock) {
      requireOpen();
      return handOut(new Event("event-" + made++));
    }
  }

  @Override
  public void bindThread() {
    called("bindThread", "device");
  }

  @Override
  public void close() {
    List<String> left;
    synchronized (lock) {
      left = closed ? List.of() : live();
      closed = true;
    }
    if (!left.isEmpty()) {
      LOG.log(
          Level.WARNING, "the scripted device was closed before what it has handed out: " + left);
    }
  }

  /** Under the lock. */
  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the scripted device is closed");
    }
  }

  private static void requireSize(long bytes, int max) {
    if (bytes < 1 || bytes > max) {
      throw new IllegalArgumentException("1 to " + max + " bytes, not " + bytes);
    }
  }

  private static void requireRange(long offset, long count, long size) {
    if (offset < 0 || count < 0 || offset > size - count) {
      throw new IndexOutOfBoundsException(
          count + " bytes from " + offset + " leave the buffer of " + size + " bytes");
    }
  }

  private Pinned own(PinnedBuffer buffer) {
    if (buffer instanceof Pinned own && own.device() == this) {
      return own;
    }
    throw foreign(buffer);
  }

  private Memory own(DeviceBuffer buffer) {
    if (buffer instanceof Memory own && own.device() == this) {
      return own;
    }
    throw foreign(buffer);
  }

  private Event own(DeviceEvent event) {
    if (event instanceof Event own && own.device() == this) {
      return own;
    }
    throw foreign(event);
  }

  private static IllegalArgumentException foreign(Object of) {
    return new IllegalArgumentException(of + " belongs to another device");
  }

  private <H extends Handle> H handOut(H handle) {
    live.add(handle);
    return handle;
  }

  private void called(String name, Object on, Object... with) {
    List<Runnable> actions = new ArrayList<>();
    synchronized (lock) {
      calls.add(
          new Call(name, on.toString(), List.of(with).stream().map(Object::toString).toList()));
      for (Trap trap : traps) {
        boolean meant = trap.call.equals(name) || trap.call.equals(name + " on " + on);
        if (meant && --trap.countdown == 0) {
          trap.sprung = true;
          actions.add(trap.action);
        }
      }
    }
    actions.forEach(Runnable::run);
  }

  /** Runs all that takes no step, and tells whoever waits. Under the lock. */
  private void settle() {
    boolean moved;
    do {
      moved = false;
      for (Stream stream : streams) {
        Operation head = stream.queue.peek();
        while (head != null && head.isRunnable() && !(stream.held && head.takesStep())) {
          stream.runHead();
          moved = true;
          head = stream.queue.peek();
        }
      }
    } while (moved);
    lock.notifyAll();
    parked.forEach(LockSupport::unpark);
  }

  /** Whatever is handed out and must be given back once. */
  private abstract class Handle implements AutoCloseable {
    final String name;
    boolean closed;

    Handle(String name) {
      this.name = name;
    }

    /** The device that has handed it out. */
    @SuppressWarnings("EffectivelyPrivate") // the interfaces of the subclasses have it
    public final ScriptedDevice device() {
      return ScriptedDevice.this;
    }

    @Override
    public void close() {
      called("close " + name.replaceAll("-.*", ""), this);
      synchronized (lock) {
        if (closed) {
          violations.add(name + " is closed twice");
          return;
        }
        closed = true;
        live.remove(this);
        freed();
      }
    }

    void freed() {}

    void requireOpen(String use) {
      if (closed) {
        violations.add(name + " is used after it was closed: " + use);
        throw new IllegalStateException(name + " is closed");
      }
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private abstract class Block extends Handle {
    final int size;
    private final ByteBuffer bytes;

    /** What uses it and has not run. */
    final List<Operation> queued = new ArrayList<>();

    Block(String name, int size) {
      super(name);
      this.size = size;
      int rounded = (size + ALIGNMENT - 1) & -ALIGNMENT; // alignedSlice also aligns the end
      bytes =
          ByteBuffer.allocateDirect(rounded + ALIGNMENT - 1).alignedSlice(ALIGNMENT).slice(0, size);
    }

    ByteBuffer view() {
      return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    @Override
    void freed() {
      for (Operation operation : queued) {
        violations.add(name + " is closed while queued: " + operation.what);
      }
      while (bytes.hasRemaining()) {
        bytes.put(FREED);
      }
      bytes.rewind();
    }
  }

  private final class Pinned extends Block implements PinnedBuffer {
    Pinned(String name, int size) {
      super(name, size);
    }

    @Override
    public long bytes() {
      return size;
    }

    @Override
    public ByteBuffer unsafeBuffer() {
      called("unsafeBuffer", this);
      synchronized (lock) {
        requireOpen("unsafeBuffer");
        return view();
      }
    }
  }

  private final class Allocation extends Block {
    final Memory whole;

    Allocation(String name, int size) {
      super(name, size);
      whole = new Memory(this, 0, size, () -> {}, true);
    }
  }

  /** An allocation, a view of pinned memory, or a slice of either. */
  private final class Memory implements DeviceBuffer {
    private final Block block;
    private final int start;
    private final int size;
    private final Runnable guard;
    private final boolean owner;

    Memory(Block block, int start, int size, Runnable guard, boolean owner) {
      this.block = block;
      this.start = start;
      this.size = size;
      this.guard = guard;
      this.owner = owner;
    }

    ByteBuffer view() {
      return block.view().slice(start, size).order(ByteOrder.nativeOrder());
    }

    @Override
    public ScriptedDevice device() {
      return ScriptedDevice.this;
    }

    @Override
    public long bytes() {
      return size;
    }

    @Override
    public DeviceBuffer slice(long offset, long bytes, Runnable sliceGuard) {
      requireRange(offset, bytes, size);
      guard.run();
      synchronized (lock) {
        block.requireOpen("slice");
      }
      Runnable all =
          () -> {
            guard.run();
            sliceGuard.run();
          };
      return new Memory(block, start + (int) offset, (int) bytes, all, false);
    }

    @Override
    public void close() {
      if (owner) {
        block.close();
      }
    }

    @Override
    public String toString() {
      return block.name;
    }
  }

  private abstract static class Operation {
    final String what;
    final List<Block> uses;

    Operation(String what, Block... uses) {
      this.what = what;
      this.uses = List.of(uses);
    }

    boolean isRunnable() {
      return true;
    }

    boolean takesStep() {
      return true;
    }

    abstract void run();

    /** The stream has failed, so this will not run. */
    void abandon(Throwable failure) {}
  }

  /** A place in a stream. */
  private static final class Mark extends Operation {
    boolean done;
    @Nullable Throwable failure;

    Mark() {
      super("a mark");
    }

    @Override
    boolean takesStep() {
      return false;
    }

    @Override
    void run() {
      done = true;
    }

    @Override
    void abandon(Throwable why) {
      failure = why;
    }

    boolean isPending() {
      return !done && failure == null;
    }
  }

  final class Stream extends Handle implements DeviceStream {
    private final Deque<Operation> queue = new ArrayDeque<>();
    private boolean held;
    private int copiesGiven;
    private @Nullable Throwable failure;

    Stream(String name, boolean held) {
      super(name);
      this.held = held;
    }

    /** Closes the stream, unless it is the default stream, which cannot be closed. */
    @Override
    public void close() {
      if (this != defaultStream) {
        super.close();
      }
    }

    @Override
    public void copyToDevice(
        PinnedBuffer source,
        long sourceOffset,
        DeviceBuffer target,
        long targetOffset,
        long bytes) {
      Pinned from = own(source);
      Memory to = own(target);
      requireRange(sourceOffset, bytes, from.size);
      requireRange(targetOffset, bytes, to.size);
      called("copyToDevice", this, from, to);
      to.guard.run();
      synchronized (lock) {
        requireOpen("copyToDevice");
        from.requireOpen("copyToDevice");
        to.block.requireOpen("copyToDevice");
        add(
            new Operation("a copy from " + from + " to " + to, from, to.block) {
              @Override
              void run() {
                called("run copy", Stream.this, from, to);
                to.view().put((int) targetOffset, from.view(), (int) sourceOffset, (int) bytes);
              }
            });
        copiesGiven++;
      }
    }

    @Override
    public void copyToHost(
        DeviceBuffer source,
        long sourceOffset,
        PinnedBuffer target,
        long targetOffset,
        long bytes) {
      Memory from = own(source);
      Pinned to = own(target);
      requireRange(sourceOffset, bytes, from.size);
      requireRange(targetOffset, bytes, to.size);
      called("copyToHost", this, from, to);
      from.guard.run();
      synchronized (lock) {
        requireOpen("copyToHost");
        from.block.requireOpen("copyToHost");
        to.requireOpen("copyToHost");
        add(
            new Operation("a copy from " + from + " to " + to, from.block, to) {
              @Override
              void run() {
                called("run copy", Stream.this, from, to);
                to.view().put((int) targetOffset, from.view(), (int) sourceOffset, (int) bytes);
              }
            });
      }
    }

    @Override
    public void fillZero(DeviceBuffer target, long offset, long bytes) {
      Memory to = own(target);
      requireRange(offset, bytes, to.size);
      called("fillZero", this, to);
      to.guard.run();
      synchronized (lock) {
        requireOpen("fillZero");
        to.block.requireOpen("fillZero");
        add(
            new Operation("zeros for " + to, to.block) {
              @Override
              void run() {
                to.view().put((int) offset, new byte[(int) bytes]);
              }
            });
      }
    }

    @Override
    public void read(DeviceBuffer source, ByteBuffer target) {
      Memory from = own(source);
      if (target.isReadOnly()) {
        throw new ReadOnlyBufferException();
      }
      if (target.remaining() < from.size) {
        throw new BufferOverflowException();
      }
      launch(this, from, target::put);
      synchronize();
    }

    @Override
    public void record(DeviceEvent event) {
      Event own = own(event);
      called("record", this, own);
      synchronized (lock) {
        requireOpen("record");
        own.requireOpen("record");
        Mark mark = new Mark();
        own.mark = mark;
        own.isRelease = !live.contains(this);
        latestRelease = own.isRelease ? own : latestRelease;
        if (sabotage.contains(Sabotage.MARKED_TOO_EARLY)) {
          mark.done = true;
        } else {
          add(mark);
        }
      }
    }

    @Override
    public void waitFor(DeviceEvent event) {
      Event own = own(event);
      called("waitFor", this, own);
      synchronized (lock) {
        requireOpen("waitFor");
        own.requireOpen("waitFor");
        Mark mark = own.mark;
        boolean ignored =
            sabotage.contains(Sabotage.WAITS_IGNORED)
                || (own.isRelease && sabotage.contains(Sabotage.RELEASES_IGNORED));
        if (mark != null && !ignored) {
          add(waitFor(mark));
        }
      }
    }

    private static Operation waitFor(Mark mark) {
      return new Operation("a wait") {
        @Override
        boolean isRunnable() {
          return !mark.isPending();
        }

        @Override
        boolean takesStep() {
          return false;
        }

        @Override
        void run() {
          if (mark.failure != null) {
            throw new WorkFailedException("what was waited for failed", mark.failure);
          }
        }
      };
    }

    @Override
    public void synchronize() {
      called("synchronize", this);
      Mark here = new Mark();
      synchronized (lock) {
        requireOpen("synchronize");
        add(here);
      }
      await(here);
    }

    /** Under the lock. */
    private void add(Operation operation) {
      if (failure != null) {
        operation.abandon(failure);
        return;
      }
      queue.add(operation);
      operation.uses.forEach(block -> block.queued.add(operation));
      settle();
    }

    /** Under the lock. */
    private void runHead() {
      Operation head = queue.remove();
      try {
        head.run();
      } catch (Throwable t) {
        failure = t;
        for (Operation later : queue) {
          later.abandon(t);
          later.uses.forEach(block -> block.queued.remove(later));
        }
        queue.clear();
      }
      head.uses.forEach(block -> block.queued.remove(head));
    }
  }

  private void await(Mark mark) {
    boolean interrupted = false;
    synchronized (lock) {
      awaited.add(mark);
      while (mark.isPending()) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      awaited.remove(mark);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    requireNotFailed(mark);
  }

  private static void requireNotFailed(Mark mark) {
    if (mark.failure != null) {
      throw new WorkFailedException("scripted: work before the mark failed", mark.failure);
    }
  }

  private final class Event extends Handle implements DeviceEvent {
    @Nullable Mark mark;

    /** Recorded on a stream of the test's own. */
    boolean isRelease;

    Event(String name) {
      super(name);
    }

    @Override
    public boolean isComplete() {
      called("isComplete", this);
      synchronized (lock) {
        requireOpen("isComplete");
        Mark asked = recorded();
        requireNotFailed(asked);
        boolean complete = asked.done || saysComplete();
        if (!complete) {
          pendingAnswers++;
        }
        return complete;
      }
    }

    private boolean saysComplete() {
      Sabotage ofRelease =
          latestRelease == this
              ? Sabotage.LATEST_RELEASE_COMPLETE
              : Sabotage.EARLIER_RELEASE_COMPLETE;
      return sabotage.contains(Sabotage.ALWAYS_COMPLETE)
          || (isRelease && sabotage.contains(ofRelease));
    }

    @Override
    public void park(long maxNanos) {
      Thread caller = Thread.currentThread();
      synchronized (lock) {
        if (closed || mark == null || !mark.isPending()) {
          return;
        }
        parked.add(caller);
      }
      LockSupport.parkNanos(this, maxNanos);
      synchronized (lock) {
        parked.remove(caller);
      }
    }

    @Override
    public void synchronize() {
      called("synchronize event", this);
      Mark asked;
      synchronized (lock) {
        requireOpen("synchronize");
        asked = recorded();
        if (saysComplete()) {
          return;
        }
      }
      await(asked);
    }

    private Mark recorded() {
      if (mark == null) {
        violations.add(name + " is asked, but was never recorded");
        throw new IllegalStateException(name + " was never recorded");
      }
      return mark;
    }
  }
}

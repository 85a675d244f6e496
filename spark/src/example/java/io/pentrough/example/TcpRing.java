package io.pentrough.example;

import io.pentrough.spark.ElasticContext;
import io.pentrough.spark.PeerLostException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Sums an array over all tasks: each task sends to the next one and receives from the one before.
 *
 * <p>With n tasks the array has n parts. In n - 1 rounds each part travels once round the ring and
 * is summed on its way; in n - 1 more rounds the sums travel. So each task sends twice the array,
 * however many tasks there are, and all get the same bits.
 *
 * <p>A neighbour that is lost ends the waiting with an exception. For one thread.
 */
final class TcpRing implements AutoCloseable {

  /** How often a waiting task looks whether its attempt is over. */
  private static final int POLL_MILLIS = 500;

  private static final int CONNECT_MILLIS = 20_000;

  /**
   * How long Spark may take to end this task when a neighbour is lost. Until then this task does
   * not fail itself, as its failure would interrupt the neighbour in its closing.
   */
  private static final int LOST_MILLIS = 5_000;

  /** The task before sends its greeting as soon as it has connected. */
  private static final int GREETING_MILLIS = 1_000;

  /** A connection begins with it, the attempt and the rank. */
  private static final int GREETING = 0x50726e67; // "Prng"

  private final ElasticContext context;
  private final int lostMillis;
  private final int rank;
  private final int tasks;
  private final ServerSocket server;
  private final Socket next;
  private final Socket before;
  private final ExecutorService sender =
      Executors.newSingleThreadExecutor(
          run -> {
            Thread thread = new Thread(run, "ring-sender");
            thread.setDaemon(true);
            return thread;
          });
  private byte[] outgoing = {};
  private byte[] incoming = {};
  private long waitedNanos;

  private TcpRing(
      ElasticContext context, int lostMillis, ServerSocket server, Socket next, Socket before) {
    this.context = context;
    this.lostMillis = lostMillis;
    this.rank = context.rank();
    this.tasks = context.tasks();
    this.server = server;
    this.next = next;
    this.before = before;
  }

  /**
   * Connects all tasks of an attempt, done together. One task needs no connection.
   *
   * @throws IOException if a neighbour cannot be reached
   * @throws InterruptedException if this thread is interrupted
   */
  static TcpRing connect(ElasticContext context, InetAddress own)
      throws IOException, InterruptedException {
    return connect(context, own, LOST_MILLIS);
  }

  /** For tests: how long a lost neighbour has to say why. */
  static TcpRing connect(ElasticContext context, InetAddress own, int lostMillis)
      throws IOException, InterruptedException {
    ServerSocket server = new ServerSocket(0, context.tasks(), own);
    Socket next = new Socket();
    Socket before = new Socket();
    try {
      String address = own.getHostAddress() + " " + server.getLocalPort();
      List<byte[]> all = context.gather(address.getBytes(StandardCharsets.US_ASCII));
      if (all.size() > 1) {
        String[] target =
            new String(all.get((context.rank() + 1) % all.size()), StandardCharsets.US_ASCII)
                .split(" ", 2);
        greet(
            context,
            lostMillis,
            next,
            new InetSocketAddress(target[0], Integer.parseInt(target[1])));
        before = accept(context, server);
      }
      return new TcpRing(context, lostMillis, server, next, before);
    } catch (Throwable t) { // Spark throws checked exceptions that Scala doesn't declare
      next.close();
      before.close();
      server.close();
      throw t;
    }
  }

  private static void greet(
      ElasticContext context, int lostMillis, Socket next, InetSocketAddress target)
      throws IOException, InterruptedException {
    try {
      // The neighbour listens, and so takes the connection before it accepts it.
      next.connect(target, CONNECT_MILLIS);
      next.setTcpNoDelay(true);
      DataOutputStream greeting = new DataOutputStream(next.getOutputStream());
      greeting.writeInt(GREETING);
      greeting.writeInt(context.attempt());
      greeting.writeInt(context.rank());
    } catch (IOException e) {
      throw lost(context, lostMillis, "the next task", e);
    }
  }

  /** Waits for Spark to end this task, and makes the exception for the case that it does not. */
  private static IOException lost(
      ElasticContext context, int lostMillis, String who, Throwable cause)
      throws InterruptedException {
    long began = System.nanoTime();
    do {
      context.requireAlive();
      Thread.sleep(POLL_MILLIS / 10);
    } while (System.nanoTime() - began < lostMillis * 1_000_000L);
    return new PeerLostException(who + " is lost", cause);
  }

  /** Waits for the task before; any other connection is closed. */
  private static Socket accept(ElasticContext context, ServerSocket server) throws IOException {
    int expected = (context.rank() + context.tasks() - 1) % context.tasks();
    server.setSoTimeout(POLL_MILLIS);
    long began = System.nanoTime();
    while (true) {
      context.requireAlive();
      if (System.nanoTime() - began > CONNECT_MILLIS * 1_000_000L) {
        throw new PeerLostException("task " + expected + " has not connected", null);
      }
      Socket socket;
      try {
        socket = server.accept();
      } catch (SocketTimeoutException e) {
        continue;
      }
      try {
        socket.setSoTimeout(GREETING_MILLIS); // a silent stranger must not use up the time
        DataInputStream greeting = new DataInputStream(socket.getInputStream());
        if (greeting.readInt() == GREETING
            && greeting.readInt() == context.attempt()
            && greeting.readInt() == expected) {
          socket.setSoTimeout(POLL_MILLIS);
          socket.setTcpNoDelay(true);
          return socket;
        }
      } catch (IOException e) {
        // It was none of ours.
      }
      socket.close();
    }
  }

  /**
   * Replaces each number by the sum of all tasks' numbers in its place.
   *
   * @param values as many in each task
   * @throws IOException if a task is lost
   * @throws InterruptedException if this thread is interrupted; the ring is of no use then
   */
  void sum(double[] values) throws IOException, InterruptedException {
    for (int round = 0; round < 2 * (tasks - 1); round++) {
      boolean adds = round < tasks - 1;
      // Part p starts at rank p; after n - 1 rounds its sum is at rank p - 1, and goes on from
      // there.
      int sent = Math.floorMod(rank - round, tasks);
      int received = Math.floorMod(rank - 1 - round, tasks);
      exchange(values, sent, received, adds);
    }
  }

  /** How long {@link #sum} has waited for other tasks since the last call. */
  long takeWaitedNanos() {
    long nanos = waitedNanos;
    waitedNanos = 0;
    return nanos;
  }

  private void exchange(double[] values, int sent, int received, boolean adds)
      throws IOException, InterruptedException {
    int from = start(values.length, sent);
    int length = start(values.length, sent + 1) - from;
    if (outgoing.length < length * Double.BYTES) {
      outgoing = new byte[length * Double.BYTES];
    }
    ByteBuffer.wrap(outgoing).asDoubleBuffer().put(values, from, length);
    // Aside, as both neighbours may send more than the connections hold.
    Future<?> sending =
        sender.submit(
            () -> {
              next.getOutputStream().write(outgoing, 0, length * Double.BYTES);
              return null;
            });

    int to = start(values.length, received);
    int count = start(values.length, received + 1) - to;
    receive(count * Double.BYTES);
    DoubleBuffer numbers = ByteBuffer.wrap(incoming).asDoubleBuffer();
    for (int i = 0; i < count; i++) {
      values[to + i] = adds ? values[to + i] + numbers.get(i) : numbers.get(i);
    }
    try {
      sending.get();
    } catch (ExecutionException e) {
      throw lost(context, lostMillis, "the next task", e);
    }
  }

  private int start(int length, int part) {
    return (int) ((long) length * part / tasks);
  }

  private void receive(int bytes) throws IOException, InterruptedException {
    if (incoming.length < bytes) {
      incoming = new byte[bytes];
    }
    InputStream in = before.getInputStream();
    long began = System.nanoTime();
    for (int done = 0; done < bytes; ) {
      try {
        int read = in.read(incoming, done, bytes - done);
        if (read < 0) {
          throw new EOFException("the connection was closed");
        }
        done += read;
      } catch (SocketTimeoutException e) {
        context.requireAlive();
      } catch (IOException e) {
        throw lost(context, lostMillis, "the task before", e);
      }
    }
    waitedNanos += System.nanoTime() - began;
  }

  @Override
  public void close() throws IOException {
    next.close(); // ends a sender that is stuck
    before.close();
    server.close();
    sender.shutdownNow();
  }
}

package io.pentrough.metrics;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.LoaderStats;
import io.pentrough.ParallelBatch;
import io.pentrough.ParallelLoader;
import io.pentrough.ParallelStats;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class LoaderMetricsTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT32, 4).build();
  private static final int BATCHES = 10;
  private static final int BAD = 3;
  private static final String DEVICE = "host";

  private static BackgroundLoader loader(Device device, String name) {
    return BackgroundLoader.builder(
            device,
            SPEC,
            (out, context) -> {
              if (context.index() == BAD) {
                throw new IllegalArgumentException("a bad batch");
              }
              out.array("x").fillZero();
            })
        .name(name)
        .batchesPerEpoch(BATCHES)
        .epochs(1)
        .onFailure(FailurePolicy.skip(1, (epoch, index, cause) -> {}))
        .start();
  }

  private static void getAll(BackgroundLoader loader) {
    for (DeviceBatch batch : loader.batches()) {
      assertEquals(4, batch.array("x").elements());
    }
  }

  @Test
  @DisplayName("a Prometheus server that scrapes over HTTP gets the loader's figures")
  void scraped() throws Exception {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    BackgroundLoader loader;
    LoaderMetrics metrics;
    try (Device device = HostDevice.open();
        BackgroundLoader running = loader(device, "training")) {
      loader = running;
      metrics = new LoaderMetrics(running);
      metrics.bindTo(registry);
      getAll(running);
    }
    try (metrics) {
      LoaderStats stats = loader.stats();
      Map<String, Double> scraped = scrape(registry);
      Map<String, Double> expected =
          Map.of(
              "pentrough_batches_total",
              BATCHES - 1.0,
              "pentrough_data_bytes_total",
              1.0 * stats.bytes(),
              "pentrough_failures_total",
              1.0,
              "pentrough_skips_total",
              1.0,
              "pentrough_bad_samples_total",
              0.0,
              "pentrough_fill_seconds_count",
              1.0 * stats.fillTime().count(),
              "pentrough_fill_seconds_sum",
              stats.fillTime().sumNanos() / 1e9,
              "pentrough_get_seconds_count",
              1.0 * stats.consumerWait().count(),
              "pentrough_copy_seconds_count",
              1.0 * stats.copyTime().count(),
              "pentrough_memory_pageable_bytes",
              0.0);
      expected.forEach((name, value) -> assertEquals(value, figure(scraped, name), 1e-9, name));
      double starved = figure(scraped, "pentrough_starved_seconds_total");
      assertEquals(stats.starvedShare() * stats.elapsed().toNanos() / 1e9, starved, 1e-6);
      assertEquals(22, scraped.size(), scraped::toString);
    }
    assertEquals(Map.of(), scrape(registry), "close has removed the metrics");
  }

  private static double figure(Map<String, Double> scraped, String name) {
    return figure(scraped, name, "training");
  }

  private static double figure(Map<String, Double> scraped, String name, String loader) {
    String tags = "{device=\"%s\",loader=\"%s\"}".formatted(DEVICE, loader);
    return scraped.getOrDefault(name + tags, Double.NaN);
  }

  private static Map<String, Double> scrape(PrometheusMeterRegistry registry) throws Exception {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/metrics",
        exchange -> {
          byte[] body = registry.scrape().getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    try {
      URI uri =
          new URI(
              "http",
              null,
              server.getAddress().getAddress().getHostAddress(),
              server.getAddress().getPort(),
              "/metrics",
              null,
              null);
      HttpResponse<String> response =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(uri).timeout(patience()).build(),
                  HttpResponse.BodyHandlers.ofString());
      assertEquals(200, response.statusCode());
      Map<String, Double> values = new TreeMap<>();
      response
          .body()
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split(" "))
          .forEach(parts -> values.put(parts[0], Double.parseDouble(parts[1])));
      return values;
    } finally {
      server.stop(0);
    }
  }

  @Test
  @DisplayName("all figures of a scrape are of one moment, and those of the next one are newer")
  void oneSnapshot() throws Exception {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    try (Device device = HostDevice.open();
        BackgroundLoader loader = loader(device, "moments");
        LoaderMetrics metrics = new LoaderMetrics(loader)) {
      metrics.bindTo(registry);
      loader.get(patience()).close();
      assertEquals(1, registry.get("pentrough.batches").functionCounter().count());
      loader.get(patience()).close();
      assertEquals(16, registry.get("pentrough.data").functionCounter().count());
      assertEquals(2, registry.get("pentrough.batches").functionCounter().count());
      assertEquals(32, registry.get("pentrough.data").functionCounter().count());
    }
  }

  @Test
  @DisplayName("two loaders and two registries keep apart; closing twice is harmless")
  void severalOfEach() throws Exception {
    SimpleMeterRegistry first = new SimpleMeterRegistry();
    SimpleMeterRegistry second = new SimpleMeterRegistry();
    try (Device device = HostDevice.open();
        BackgroundLoader one = loader(device, "one");
        BackgroundLoader two = loader(device, "two")) {
      LoaderMetrics ofOne = new LoaderMetrics(one);
      ofOne.bindTo(first);
      ofOne.bindTo(second);
      LoaderMetrics ofTwo = new LoaderMetrics(two);
      ofTwo.bindTo(first);
      getAll(one);
      assertEquals(9, batches(first, "one"));
      assertEquals(0, batches(first, "two"));
      assertEquals(9, batches(second, "one"));
      ofOne.close();
      ofOne.close();
      assertEquals(0, second.getMeters().size());
      assertTrue(
          first.getMeters().stream().allMatch(m -> "two".equals(m.getId().getTag("loader"))));
      assertFalse(first.getMeters().isEmpty());
      ofTwo.close();
      assertEquals(0, first.getMeters().size());
    }
  }

  @Test
  @DisplayName("several devices: each has the metrics of a loader, beside those of other loaders")
  void severalDevices() throws Exception {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    try (Device device = HostDevice.open();
        Device other = HostDevice.open();
        BackgroundLoader one = loader(device, "one");
        ParallelLoader group =
            ParallelLoader.builder(
                    List.of(device, other), SPEC, (out, context) -> out.array("x").fillZero())
                .name("training")
                .batchesPerEpoch(BATCHES)
                .epochs(1)
                .start();
        LoaderMetrics ofOne = new LoaderMetrics(one)) {
      LoaderMetrics ofGroup = new LoaderMetrics(group);
      ofOne.bindTo(registry);
      ofGroup.bindTo(registry);
      for (ParallelBatch step : group.steps()) {
        assertEquals(2, step.batches().size());
      }
      ParallelStats stats = group.stats();
      Map<String, Double> scraped = scrape(registry);
      assertEquals(BATCHES / 2.0, scraped.get("pentrough_steps_total{loader=\"training\"}"));
      for (int i = 0; i < 2; i++) {
        String name = "training-" + i;
        assertEquals(BATCHES / 2, figure(scraped, "pentrough_batches_total", name));
        assertEquals(0, figure(scraped, "pentrough_batches_dropped_total", name));
        assertEquals(
            1.0 * stats.waitedFor(i), figure(scraped, "pentrough_steps_waited_total", name));
        assertEquals(
            1.0 * stats.devices().get(i).fillTime().count(),
            figure(scraped, "pentrough_fill_seconds_count", name));
      }
      assertEquals(0, figure(scraped, "pentrough_batches_total", "one"));
      ofGroup.close();
      assertEquals(22, scrape(registry).size());
    }
  }

  private static double batches(SimpleMeterRegistry registry, String loader) {
    return registry.get("pentrough.batches").tag("loader", loader).functionCounter().count();
  }
}

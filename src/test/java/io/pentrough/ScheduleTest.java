package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which (epoch, index) a sequence number stands for. */
class ScheduleTest {

  private static final int FOR_EVER = Integer.MAX_VALUE;

  @Test
  void withoutAnEndThereIsOneEpoch() {
    Schedule schedule = Schedules.schedule(Schedule.ENDLESS, 1, 0, 1);
    assertEquals(Schedule.ENDLESS, schedule.end());
    assertEquals(0, schedule.epoch(1_000_000));
    assertEquals(1_000_000, schedule.index(1_000_000));
  }

  @Test
  void declaredEpochsFollowEachOther() {
    Schedule schedule = Schedules.schedule(3, 2, 0, 1);
    assertEquals(List.of("0.0", "0.1", "0.2", "1.0", "1.1", "1.2"), walk(schedule, 10));
    assertEquals(6, schedule.end());
  }

  @Test
  void aShardTakesItsIndexesOfEachEpoch() {
    Schedule schedule = Schedules.schedule(7, 2, 1, 3);
    assertEquals(List.of("0.1", "0.4", "1.1", "1.4"), walk(schedule, 10));
    Schedule last = Schedules.schedule(7, 2, 0, 3);
    assertEquals(List.of("0.0", "0.3", "0.6", "1.0", "1.3", "1.6"), walk(last, 10));
  }

  @Test
  void aPositionBehindTheEndOfAnEpochIsItsEnd() {
    Schedule schedule = Schedules.schedule(Schedule.ENDLESS, 2, 0, 1);
    for (int i = 0; i < 6; i++) {
      schedule.claimed(i);
    }
    assertTrue(schedule.data(2));
    assertTrue(schedule.endOfEpoch(3)); // so that 3, 4 and 5 stand for nothing
    for (int lowestOpen = 3; lowestOpen < 6; lowestOpen++) {
      Position position = schedule.position(lowestOpen, new long[0]);
      assertEquals(0, position.epoch());
      assertEquals(3, position.index());
    }
    assertEquals(1, schedule.position(6, new long[0]).epoch());
    assertEquals(0, schedule.position(6, new long[0]).index());
  }

  @Test
  void itStartsAnywhere() {
    Schedule schedule = Schedules.schedule(7, FOR_EVER, 1, 3, 5, 4);
    assertEquals(List.of("5.4", "6.1", "6.4", "7.1"), walk(schedule, 4));
    Schedule behindTheLast = Schedules.schedule(7, 7, 1, 3, 5, 7);
    assertEquals(List.of("6.1", "6.4"), walk(behindTheLast, 4));
    Schedule behindAll = Schedules.schedule(7, 6, 1, 3, 5, 7);
    assertEquals(0, behindAll.end());
  }

  @Test
  void theTargetEndsAnEpochBehindWhatWasClaimed() {
    Schedule schedule = Schedules.schedule(Schedule.ENDLESS, 2, 0, 1);
    for (int i = 0; i < 6; i++) {
      schedule.claimed(i);
    }
    assertTrue(schedule.data(2));
    assertTrue(schedule.endOfEpoch(5));
    assertTrue(schedule.endOfEpoch(3));
    assertEquals(Schedule.ENDLESS, schedule.end());
    assertTrue(schedule.exists(2));
    assertFalse(schedule.exists(3));
    assertFalse(schedule.exists(5));
    assertEquals(1, schedule.epoch(6));
    assertEquals(0, schedule.index(6));
    schedule.claimed(6);
    schedule.claimed(7);
    assertTrue(schedule.endOfEpoch(7));
    assertEquals(7, schedule.end());
  }

  @Test
  void dataBehindNoMoreIsTold() {
    Schedule schedule = Schedules.schedule(Schedule.ENDLESS, 1, 0, 1);
    for (int i = 0; i < 6; i++) {
      schedule.claimed(i);
    }
    assertTrue(schedule.data(4));
    assertFalse(schedule.endOfEpoch(3), "there was data at 4");
    assertTrue(schedule.endOfEpoch(5));
    assertFalse(schedule.data(5), "there was to be no more at 5");
  }

  @Test
  void endlessEpochsWithoutABatchAreTold() {
    Schedule schedule = Schedules.schedule(3, FOR_EVER, 0, 1);
    HostSlot slot = new HostSlot(0);
    slot.sequence = 0;
    schedule.claimed(slot);
    String wrong = schedule.returned(slot, true);
    assertTrue(wrong != null && wrong.contains("first index of epoch 0"), wrong);
    slot.sequence = 1;
    schedule.claimed(slot);
    assertEquals(null, schedule.returned(slot, true), "an epoch may be shorter than declared");
  }

  /** Against a model that simply lists what a target of given epoch lengths would give. */
  @ParameterizedTest(name = "seed {0}")
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})
  void anyLengthsAnyOrderOfAnswers(int seed) {
    Random random = new Random(seed);
    int epochs = 1 + random.nextInt(4);
    int[] lengths = random.ints(epochs, 0, 9).toArray();
    int first = random.nextInt(3);
    int stride = first + 1 + random.nextInt(3);
    List<String> expected = new ArrayList<>();
    for (int epoch = 0; epoch < epochs; epoch++) {
      for (int index = first; index < lengths[epoch]; index += stride) {
        expected.add(epoch + "." + index);
      }
    }
    Schedule schedule = Schedules.schedule(Schedule.ENDLESS, epochs, first, stride);
    List<String> got = new ArrayList<>();
    List<Long> answers = new ArrayList<>();
    long next = 0;
    long told = 0;
    while (told < schedule.end()) {
      while (answers.size() < 4 && next < schedule.end()) {
        schedule.claimed(next);
        answers.add(next++);
      }
      long sequence = answers.remove(random.nextInt(answers.size()));
      int epoch = schedule.epoch(sequence);
      if (schedule.index(sequence) < lengths[epoch]) {
        assertTrue(schedule.data(sequence));
      } else {
        assertTrue(schedule.endOfEpoch(sequence));
      }
      while (told < next && !answers.contains(told)) {
        if (schedule.exists(told)) {
          got.add(schedule.epoch(told) + "." + schedule.index(told));
        }
        told++;
        schedule.delivered(told);
      }
    }
    assertEquals(expected, got, "seed " + seed);
  }

  private static List<String> walk(Schedule schedule, int most) {
    List<String> places = new ArrayList<>();
    for (long sequence = 0; sequence < schedule.end() && places.size() < most; sequence++) {
      schedule.claimed(sequence);
      if (schedule.exists(sequence)) {
        places.add(schedule.epoch(sequence) + "." + schedule.index(sequence));
      }
    }
    return places;
  }
}

package io.pentrough.recipes;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.apache.commons.csv.CSVException;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.apache.commons.csv.DuplicateHeaderMode;

// [csv-table]
/** A table with a header: columns of numbers, and a column that names the class. */
public record CsvTable(
    Path file, List<CSVRecord> rows, List<String> columns, String label, List<String> classes)
    implements Dataset {

  @Override
  public void read(long index, Sample out) throws IOException {
    CSVRecord row = rows.get((int) index);
    HostArray features = out.array("features");
    for (int i = 0; i < columns.size(); i++) {
      String cell = cell(row, columns.get(i));
      try {
        features.setFloat(i, Float.parseFloat(cell));
      } catch (NumberFormatException e) {
        throw new IOException(place(row, columns.get(i)) + " is no number: '" + cell + "'", e);
      }
    }
    out.array("label").setInt(0, classes.indexOf(cell(row, label)));
  }

  private String cell(CSVRecord row, String column) throws IOException {
    if (!row.isSet(column)) {
      throw new IOException(place(row, column) + " is missing: " + row.toList());
    }
    return row.get(column);
  }

  private String place(CSVRecord row, String column) {
    long number = row.getRecordNumber(); // from 1, after the header
    return file + ": column " + column + " of record " + number;
  }

  @Override
  public long size() {
    return rows.size();
  }

  public BatchSpec spec(int batchSize) {
    return BatchSpec.builder()
        .array("features", DType.FLOAT32, batchSize, columns.size())
        .array("label", DType.INT32, batchSize)
        .build();
  }

  public static CsvTable of(Path file, String label) throws IOException {
    CSVFormat format =
        CSVFormat.RFC4180
            .builder()
            .setHeader()
            .setSkipHeaderRecord(true)
            .setDuplicateHeaderMode(DuplicateHeaderMode.DISALLOW)
            .get();
    try (CSVParser parser = CSVParser.parse(file, StandardCharsets.UTF_8, format)) {
      if (!parser.getHeaderNames().contains(label)) {
        throw new IOException(
            file + " has no column " + label + ", but " + parser.getHeaderNames());
      }
      List<String> columns =
          parser.getHeaderNames().stream().filter(name -> !name.equals(label)).toList();
      List<CSVRecord> rows = parser.getRecords();
      if (rows.isEmpty()) {
        throw new IOException(file + " has no records after its header");
      }
      List<String> classes =
          rows.stream()
              .filter(row -> row.isSet(label)) // a row may be too short
              .map(row -> row.get(label))
              .distinct()
              .sorted()
              .toList();
      return new CsvTable(file, rows, columns, label, classes);
    } catch (CSVException | UncheckedIOException | IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }
}
// [/csv-table]

// The picture. Two panels of one width: mean waits by size class as bars on a logarithmic scale,
// and the share of GPUs in use over time as one line a strategy. Plain SVG: shapes, lines and text.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "operator/simulate/print.hpp"

namespace fermi::simulate {
namespace {

constexpr double kWidth = 960, kLeft = 84, kRight = 24;
constexpr double kTop = 84, kPanel = 240, kGap = 84;
// Told apart by people who see colours differently, too.
constexpr const char* kColours[] = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                    "#cc79a7", "#56b4e9", "#8c6d31", "#000000",
                                    "#999999", "#6a3d9a", "#b2df8a"};

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// What stands in text must not be taken for markup.
std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else if (c == '"') {
      safe += "&quot;";
    } else {
      safe += c;
    }
  }
  return safe;
}

const char* colour(std::size_t strategy) { return kColours[strategy % std::size(kColours)]; }

class Picture {
 public:
  explicit Picture(double height) {
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) + " " +
           number(height) + "\" width=\"" + number(kWidth) + "\" height=\"" + number(height) +
           "\" font-family=\"sans-serif\" font-size=\"12\">\n";
    rectangle(0, 0, kWidth, height, "#ffffff", "");
  }
  void rectangle(double x, double y, double w, double h, const char* fill, const std::string& tip) {
    out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(w) +
            "\" height=\"" + number(h) + "\" fill=\"" + fill + "\">";
    if (!tip.empty()) out_ += "<title>" + escaped(tip) + "</title>";
    out_ += "</rect>\n";
  }
  void line(double x1, double y1, double x2, double y2, const char* stroke) {
    out_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
            "\" y2=\"" + number(y2) + "\" stroke=\"" + stroke + "\"/>\n";
  }
  void text(double x, double y, const char* anchor, const std::string& words, int size = 12) {
    out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor +
            "\" font-size=\"" + std::to_string(size) + "\" fill=\"#222222\">" + escaped(words) +
            "</text>\n";
  }
  void curve(const std::string& points, const char* stroke, double width) {
    out_ += "<polyline fill=\"none\" stroke-width=\"" + number(width) + "\" stroke=\"" + stroke +
            "\" points=\"" + points + "\"/>\n";
  }
  std::string finish() { return out_ + "</svg>\n"; }

 private:
  std::string out_;
};

// "30 s", "2 h", "14 d".
std::string readable(double seconds) {
  const std::pair<double, const char*> units[] = {{86400, " d"}, {3600, " h"}, {60, " min"}};
  for (const auto& [length, name] : units) {
    if (seconds < length) continue;
    const double value = seconds / length;
    char text[32];
    std::snprintf(text, sizeof text, value < 10 ? "%.2g%s" : "%.0f%s", value, name);
    return text;
  }
  return number(seconds).substr(0, number(seconds).find('.')) + " s";
}

void legend(Picture& picture, const std::vector<Figures>& figures) {
  double x = kLeft;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const std::string words = figures[i].strategy + "  " + readable(figures[i].mean_wait_s);
    picture.rectangle(x, 44, 12, 12, colour(i), "");
    picture.text(x + 17, 54, "start", words);
    x += 34 + 7.0 * static_cast<double>(words.size());
  }
}

// --- waits

// Size classes of all strategies, small to large, by the GPUs that their names begin with.
std::vector<std::string> classes_of(const std::vector<Figures>& figures) {
  std::map<std::int64_t, std::string> classes;
  for (const Figures& f : figures) {
    for (const SizeClass& size : f.sizes) classes.emplace(std::atoll(size.name.c_str()), size.name);
  }
  std::vector<std::string> names;
  for (const auto& [gpus, name] : classes) names.push_back(name);
  return names;
}

// Seconds to a height on a scale of ten to one: a second and less are the ground line.
double height_of(double seconds, double decades) {
  return kPanel * std::clamp(std::log10(std::max(seconds, 1.0)) / decades, 0.0, 1.0);
}

void waits(Picture& picture, const std::vector<Figures>& figures) {
  const double ground = kTop + kPanel, width = kWidth - kLeft - kRight;
  double longest = 10;
  for (const Figures& f : figures) {
    for (const SizeClass& size : f.sizes) longest = std::max(longest, size.mean_wait_s);
  }
  const double decades = std::ceil(std::log10(longest));
  picture.text(kLeft, kTop - 12, "start", "Mean wait by GPUs asked for (each line is ten times)",
               13);
  for (int power = 0; power <= static_cast<int>(decades); ++power) {
    const double y = ground - kPanel * power / decades;
    picture.line(kLeft, y, kWidth - kRight, y, "#dddddd");
    picture.text(kLeft - 8, y + 4, "end", readable(std::pow(10, power)));
  }
  const auto names = classes_of(figures);
  const double slot = width / static_cast<double>(std::max<std::size_t>(names.size(), 1));
  const double bar = slot * 0.8 / static_cast<double>(figures.size());
  for (std::size_t c = 0; c < names.size(); ++c) {
    const double left = kLeft + slot * (static_cast<double>(c) + 0.1);
    picture.text(left + slot * 0.4, ground + 17, "middle", names[c]);
    for (std::size_t i = 0; i < figures.size(); ++i) {
      for (const SizeClass& size : figures[i].sizes) {
        if (size.name != names[c]) continue;
        const double height = std::max(height_of(size.mean_wait_s, decades), 1.0);
        picture.rectangle(
            left + bar * static_cast<double>(i), ground - height, bar * 0.92, height, colour(i),
            figures[i].strategy + ", " + size.name + " GPUs: " + readable(size.mean_wait_s) +
                " on average over " + std::to_string(size.jobs) + " jobs");
      }
    }
  }
  picture.line(kLeft, ground, kWidth - kRight, ground, "#222222");
}

// --- GPUs in use

void usage(Picture& picture, const std::vector<Figures>& figures) {
  const double top = kTop + kPanel + kGap, ground = top + kPanel, width = kWidth - kLeft - kRight;
  double span = 0;
  for (const Figures& f : figures) span = std::max(span, f.makespan_s);
  picture.text(kLeft, top - 12, "start", "GPUs in use over time", 13);
  for (int quarter = 0; quarter <= 4; ++quarter) {
    const double y = ground - kPanel * quarter / 4, x = kLeft + width * quarter / 4;
    picture.line(kLeft, y, kWidth - kRight, y, "#dddddd");
    picture.text(kLeft - 8, y + 4, "end", std::to_string(quarter * 25) + " %");
    picture.text(x, ground + 17,
                 quarter == 0   ? "start"
                 : quarter == 4 ? "end"
                                : "middle",
                 readable(span * quarter / 4));
  }
  for (std::size_t i = 0; i < figures.size(); ++i) {
    std::string points;
    for (std::size_t part = 0; part < figures[i].usage.size(); ++part) {
      const double x = kLeft + width * (static_cast<double>(part) + 0.5) / kUsageParts;
      points += number(x) + "," + number(ground - kPanel * std::min(figures[i].usage[part], 1.0));
      points += " ";
    }
    // The first ones are drawn wider, so that lines which coincide are all seen.
    const auto over = static_cast<double>(std::min<std::size_t>(figures.size() - 1 - i, 3));
    picture.curve(points, colour(i), 1.5 + 1.5 * over);
  }
  picture.line(kLeft, ground, kWidth - kRight, ground, "#222222");
}

}  // namespace

std::string as_svg(const Trace& trace, const Cluster& cluster,
                   const std::vector<Figures>& figures) {
  Picture picture(kTop + 2 * kPanel + kGap + 40);
  picture.text(kLeft, 26, "start",
               std::to_string(trace.jobs.size()) + " jobs on " + std::to_string(cluster.gpus) +
                   " GPUs: strategies and their mean waits",
               16);
  legend(picture, figures);
  waits(picture, figures);
  usage(picture, figures);
  return picture.finish();
}

}  // namespace fermi::simulate

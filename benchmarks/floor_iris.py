"""The floor under the pipeline on iris: one plain process that does the work the obvious way.

It reads a CSV file, splits it, fits scikit-learn's estimator with the parameters of the benchmark,
computes the same metrics on the test rows, and dumps the model. What it does not do is what the
floor of flights does not do either.
"""

import sys

import joblib
import pandas as pd
import sklearn.metrics as score
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split


def main() -> None:
    table = pd.read_csv(sys.argv[1])
    rest, test = train_test_split(table, test_size=0.2, random_state=0)
    train, _ = train_test_split(rest, test_size=0.25, random_state=0)
    features = table.columns.drop(["id", "species"])

    model = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, early_stopping=False, random_state=0
    )
    model.fit(train[features], train["species"])

    truth, found = test["species"], model.predict_proba(test[features])
    answered = model.predict(test[features])
    metrics = {
        "log_loss": score.log_loss(truth, found, labels=model.classes_),
        "accuracy": score.accuracy_score(truth, answered),
        "f1_macro": score.f1_score(truth, answered, average="macro"),
        "roc_auc_ovr": score.roc_auc_score(truth, found, multi_class="ovr", labels=model.classes_),
    }
    joblib.dump(model, sys.argv[2])
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()

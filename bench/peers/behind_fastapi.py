"""A model behind a plain function of FastAPI, as its pages show: ``behind_fastapi.py PORT``."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from model import opened
from pydantic import BaseModel


class Asked(BaseModel):
    """A text."""

    text: str


app, answers = FastAPI(), opened()


@app.post("/predict")
def predict(asked: Asked) -> Any:
    return answers([asked.text])[0]


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
